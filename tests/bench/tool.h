/* tool.h - what the benchmark's tools share. Every failure ends the tool with a sentence. */
#ifndef FY_TESTS_BENCH_TOOL_H
#define FY_TESTS_BENCH_TOOL_H

#include <stddef.h>

/* Says what failed, with errno's text, and exits with 1. */
_Noreturn void tool_die(const char *what);
double tool_now_s(void); /* monotonic */
/* The file's bytes, zero-terminated; the caller frees them. */
char *tool_read_file(const char *path, size_t *size_bytes);
/* Every run of nine '#' in the request, zero bytes or not, becomes the number, as nine digits. */
void tool_number(char *request, size_t size_bytes, long number);
/* A TCP connection to 127.0.0.1 without Nagle's delay. */
int tool_connect(int port);

#endif
