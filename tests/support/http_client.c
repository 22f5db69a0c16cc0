/* http_client.c - HTTP by hand: what comes is read byte by byte and nothing is repaired. */
#include "tests/support/http_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/core/base.h"

#define HEAD_BYTES_MAX (64 * 1024)

int http_connect(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    FY_ASSERT(fd >= 0);
    struct timeval wait = {.tv_sec = HTTP_WAIT_S};
    FY_ASSERT(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0);
    int on = 1;
    FY_ASSERT(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    FY_ASSERT(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

bool http_send_bytes(int fd, const void *bytes, size_t size_bytes)
{
    const char *at = bytes;
    while (size_bytes > 0) {
        ssize_t sent = send(fd, at, size_bytes, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        at += sent;
        size_bytes -= (size_t)sent;
    }
    return true;
}

bool http_send(int fd, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = NULL;
    int bytes = vasprintf(&text, format, arguments);
    va_end(arguments);
    FY_ASSERT(bytes >= 0);
    bool sent = http_send_bytes(fd, text, (size_t)bytes);
    free(text);
    return sent;
}

static bool read_byte(int fd, char *byte)
{
    return recv(fd, byte, 1, 0) == 1;
}

/* Up to and with the empty line. */
static char *read_head(int fd)
{
    char *head = fy_alloc(HEAD_BYTES_MAX);
    size_t bytes = 0;
    while (bytes < HEAD_BYTES_MAX - 1 && read_byte(fd, head + bytes)) {
        bytes++;
        if (bytes >= 4 && memcmp(head + bytes - 4, "\r\n\r\n", 4) == 0)
            return head;
    }
    free(head);
    return NULL;
}

static bool read_some(int fd, struct http_answer *answer, size_t bytes)
{
    answer->body = fy_realloc(answer->body, answer->body_bytes + bytes + 1);
    while (bytes > 0) {
        ssize_t got = recv(fd, answer->body + answer->body_bytes, bytes, 0);
        if (got <= 0)
            return false;
        answer->body_bytes += (size_t)got;
        bytes -= (size_t)got;
    }
    return true;
}

static bool read_line(int fd, char *line, size_t line_bytes)
{
    size_t bytes = 0;
    while (bytes < line_bytes - 1 && read_byte(fd, line + bytes)) {
        if (line[bytes] == '\n') {
            line[bytes] = '\0';
            return true;
        }
        bytes++;
    }
    return false;
}

static bool read_chunks(int fd, struct http_answer *answer)
{
    char line[64];
    for (;;) {
        if (!read_line(fd, line, sizeof line))
            return false;
        size_t bytes = strtoul(line, NULL, 16);
        if (bytes == 0)
            return read_line(fd, line, sizeof line);
        if (!read_some(fd, answer, bytes) || !read_line(fd, line, sizeof line))
            return false;
    }
}

const char *http_header(const struct http_answer *answer, const char *name)
{
    static _Thread_local char value[8192];
    size_t name_bytes = strlen(name);
    for (const char *line = strstr(answer->head, "\r\n"); line != NULL && line[2] != '\r';
         line = strstr(line + 2, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, name_bytes) != 0 || line[name_bytes] != ':') {
            line -= 2;
            continue;
        }
        const char *start = line + name_bytes + 1 + strspn(line + name_bytes + 1, " ");
        size_t bytes = strcspn(start, "\r");
        FY_ASSERT(bytes < sizeof value);
        memcpy(value, start, bytes);
        value[bytes] = '\0';
        return value;
    }
    return NULL;
}

bool http_read(int fd, bool no_body, struct http_answer *answer)
{
    *answer = (struct http_answer){0};
    for (;;) {
        answer->head = read_head(fd);
        if (answer->head == NULL)
            return false;
        answer->status = atoi(answer->head + strlen("HTTP/1.1 "));
        if (answer->status != 100)
            break;
        free(answer->head);
    }
    answer->body = fy_alloc(1);
    const char *coding = http_header(answer, "Transfer-Encoding");
    answer->chunked = coding != NULL && strcasecmp(coding, "chunked") == 0;
    const char *length = http_header(answer, "Content-Length");
    if (no_body || answer->status == 204 || answer->status == 304)
        return true;
    if (answer->chunked)
        answer->cut = !read_chunks(fd, answer);
    else if (length != NULL)
        answer->cut = !read_some(fd, answer, strtoul(length, NULL, 10));
    else
        while (read_some(fd, answer, 1))
            ;
    answer->body[answer->body_bytes] = '\0';
    return true;
}

void http_answer_free(struct http_answer *answer)
{
    free(answer->head);
    free(answer->body);
    *answer = (struct http_answer){0};
}

bool http_closed(int fd)
{
    char byte;
    ssize_t got = recv(fd, &byte, 1, 0);
    return got == 0 || (got < 0 && errno == ECONNRESET);
}

struct http_answer http_call(uint16_t port, const char *method, const char *path,
                             const char *headers, const char *body)
{
    int fd = http_connect(port);
    FY_ASSERT(http_send(fd, "%s %s HTTP/1.1\r\nHost: test\r\n%s", method, path,
                        headers != NULL ? headers : ""));
    if (body != NULL)
        FY_ASSERT(http_send(fd, "Content-Length: %zu\r\n\r\n", strlen(body)));
    else
        FY_ASSERT(http_send(fd, "\r\n"));
    if (body != NULL)
        (void)http_send_bytes(fd, body, strlen(body)); /* it may be refused on the way */
    struct http_answer answer;
    FY_ASSERT(http_read(fd, strcmp(method, "HEAD") == 0, &answer));
    (void)close(fd);
    return answer;
}
