# bash-completion for adit: what `adit --help` and `adit COMMAND --help` say, and names.
# shellcheck shell=bash

_adit_commands()
{
	adit --help 2>/dev/null | sed -n 's/^  \([a-z]\+\) .*/\1/p'
}

_adit_options()
{
	adit "$1" --help 2>/dev/null | sed -n 's/^ *\(--[a-z-]\+\).*/\1/p'
	echo --help
}

# Those that could be there.
_adit_configured()
{
	local file

	for file in ~/.config/adit/*.conf /etc/adit/*.conf; do
		[[ -e $file ]] && basename "$file" .conf
	done
}

# Those that are there.
_adit_present()
{
	adit list 2>/dev/null | sed -n '2,$s/ .*//p'
}

_adit()
{
	local word=${COMP_WORDS[COMP_CWORD]}
	local command=${COMP_WORDS[1]}
	local words

	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		words="$(_adit_commands) --help --version"
	elif [[ $word == -* ]]; then
		words=$(_adit_options "$command")
	else
		case $command in
		run)
			words=$(_adit_configured)
			mapfile -t COMPREPLY < <(compgen -f -- "$word")
			;;
		up | seal) words=$(_adit_configured) ;;
		down | reload | restart | wait | status | list | exec | check) words=$(_adit_present) ;;
		plan) words=$(_adit_configured) ;;
		confine) words="$(systemctl list-unit-files --no-legend --type=service 2>/dev/null |
			cut -d ' ' -f 1) $(_adit_configured)" ;;
		*) return ;;
		esac
	fi
	mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -o filenames -F _adit adit
