/* Runs a fuzz target over every file of a folder: the corpus, replayed by
 * machines that have no libFuzzer.  With --rounds N it also feeds N mutations
 * of each file from a fixed seed, which finds the shallow faults anywhere.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 20 };

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void mutate(const uint8_t *data, size_t size, unsigned long rounds)
{
	uint64_t state = 88172645463325252U + size;
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	for (unsigned long round = 0; round < rounds; round++) {
		size_t len = size;

		memcpy(copy, data, size);
		for (int flips = 0; size > 0 && flips < 1 + (int)(round % 4); flips++)
			copy[next_random(&state) % size] = (uint8_t)next_random(&state);
		if (size > 0 && round % 5 == 0)
			len = next_random(&state) % size;
		(void)LLVMFuzzerTestOneInput(copy, len);
	}
	free(copy);
}

static int run_file(const char *path, unsigned long rounds)
{
	uint8_t *data = malloc(INPUT_MAX);
	FILE *file = fopen(path, "rb");
	size_t size;

	if (!data || !file) {
		perror(path);
		return 1;
	}
	size = fread(data, 1, INPUT_MAX, file);
	(void)fclose(file);
	(void)LLVMFuzzerTestOneInput(data, size);
	mutate(data, size, rounds);
	free(data);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned long rounds = 20;
	unsigned int n_files = 0;
	struct dirent *entry;
	DIR *dir;

	if (argc == 4 && strcmp(argv[2], "--rounds") == 0)
		rounds = strtoul(argv[3], NULL, 10);
	dir = argc >= 2 ? opendir(argv[1]) : NULL;
	if (!dir) {
		(void)fprintf(stderr, "usage: %s CORPUS_DIR [--rounds N]\n", argv[0]);
		return 2;
	}
	while ((entry = readdir(dir))) {
		char path[4096];

		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
		if (run_file(path, rounds) != 0)
			return 1;
		n_files++;
	}
	(void)closedir(dir);
	(void)printf("%u inputs replayed, %lu mutations of each\n", n_files, rounds);
	return n_files > 0 ? 0 : 1;
}
