/* One error value: owned by the caller, never allocated, never freed.
 *
 * A function that can fail returns 0 (or a count) on success and a negative
 * errno on failure.  The errno is for code to branch on.  When the function
 * also takes a `struct error *`, it fills it on failure only; the text is for
 * a person.  Passing NULL is allowed and means "I only need the errno".
 */
#ifndef ADIT_BASE_ERROR_H
#define ADIT_BASE_ERROR_H

#include <stdint.h>

/* A place in a file the user wrote. */
struct source_pos {
	const char *path; /* borrowed; NULL: no place */
	uint32_t line;	  /* from 1 */
	uint32_t column;  /* from 1, in bytes; 0: whole line */
};

struct error {
	int code; /* positive errno */
	struct source_pos pos;
	char what[240]; /* one sentence, no final period */
	char hint[160]; /* what to try; "" for none */
};

/* Each returns -code, so that a failure is one statement:
 *
 *     return error_set(err, ENODEV, "no interface named '%s'", name);
 *
 * error_set and error_at clear the hint; text that does not fit is cut.
 */
int error_set(struct error *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int error_at(struct error *err, const struct source_pos *pos, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* As error_set, and appends ": " and the code's own text:
 *
 *     return error_errno(err, errno, "cannot open '%s'", path);
 */
int error_errno(struct error *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts context in front: "profile 'work': " + what.  Returns -err->code; with
 * err NULL the code is not known here, and it is -EINVAL.
 */
int error_wrap(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
void error_hint(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#ifdef __clang_analyzer__
/* It does not look into error.c, and would follow failures that succeed. */
static inline int error_is_negative(int r)
{
	if (r >= 0)
		__builtin_unreachable();
	return r;
}
#define error_set(...)	 error_is_negative(error_set(__VA_ARGS__))
#define error_at(...)	 error_is_negative(error_at(__VA_ARGS__))
#define error_errno(...) error_is_negative(error_errno(__VA_ARGS__))
#define error_wrap(...)	 error_is_negative(error_wrap(__VA_ARGS__))
#endif

/* Several errors of one task, in the order in which they were met.  Zeroed: none. */
enum { ERROR_LIST_MAX = 8 };
struct error_list {
	struct error at[ERROR_LIST_MAX];
	unsigned int n;	     /* kept */
	unsigned int n_lost; /* more, for which there was no room */
};

/* Accepts NULL: the error is forgotten. */
void error_list_add(struct error_list *list, const struct error *err);

#endif
