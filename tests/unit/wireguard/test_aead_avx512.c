/* Mirrors src/wireguard/aead_avx512.c */
#include "cmocka_all.h"

#include "kernel.h"
#include "published.h"

int main(void)
{
#ifdef __x86_64__
	return kernel_run_tests(&aead_avx512) + published_run_tests(&seamed_avx512);
#else
	print_message("SKIP: compiled for x86-64 only\n");
	return 0;
#endif
}
