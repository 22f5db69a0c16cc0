/* tool.c - see tool.h. */
#include "tests/bench/tool.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define PLACE "#########"

_Noreturn void tool_die(const char *what)
{
    fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
    exit(1);
}

double tool_now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

char *tool_read_file(const char *path, size_t *size_bytes)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        tool_die(path);
    fseek(file, 0, SEEK_END);
    *size_bytes = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(*size_bytes + 1);
    if (fread(bytes, 1, *size_bytes, file) != *size_bytes)
        tool_die(path);
    bytes[*size_bytes] = '\0';
    fclose(file);
    return bytes;
}

void tool_number(char *request, size_t size_bytes, long number)
{
    const size_t place_bytes = sizeof(PLACE) - 1;
    const char *end = request + size_bytes;
    char digits[16];
    (void)snprintf(digits, sizeof(digits), "%09ld", number % 1000000000);
    char *place = request;
    while ((place = memmem(place, (size_t)(end - place), PLACE, place_bytes)) != NULL)
        memcpy(place, digits, place_bytes);
}

int tool_connect(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        tool_die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}
