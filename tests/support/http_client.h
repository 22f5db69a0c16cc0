/* http_client.h - an HTTP client for tests that sees every byte: raw sockets on loopback. */
#ifndef FY_TESTS_SUPPORT_HTTP_CLIENT_H
#define FY_TESTS_SUPPORT_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_WAIT_S 30 /* longest a test waits for a byte before it fails */

struct http_answer {
    int status;
    char *head; /* zero-terminated, with the status line */
    char *body; /* zero-terminated; chunks joined */
    size_t body_bytes;
    bool chunked;
    bool cut; /* the connection ended within the body */
};

/* Blocking, with a receive time-out of HTTP_WAIT_S; asserts that it connects. */
int http_connect(uint16_t port);
/* Sends all; false when the server has cut the connection. */
bool http_send_bytes(int fd, const void *bytes, size_t size_bytes);
bool http_send(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Reads one answer, "100 Continue" not counted; false when the connection ends before it. no_body:
 * of a HEAD. */
bool http_read(int fd, bool no_body, struct http_answer *answer);
void http_answer_free(struct http_answer *answer);
/* The value of a header, or NULL; valid until the next call. */
const char *http_header(const struct http_answer *answer, const char *name);
/* true when the server closes and sends nothing more. */
bool http_closed(int fd);
/* One request on a connection of its own, answer asserted to come. The request gets its Host. */
struct http_answer http_call(uint16_t port, const char *method, const char *path,
                             const char *headers, const char *body);

#endif
