/* names_uri.c - percent-encoding, and the base URI of a site. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/core/names.h"

#define URI_HOST_DEFAULT "127.0.0.1"
#define URI_PORT_DEFAULT 8081

#define URI_UNRESERVED "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
#define URI_SUB_DELIMS "!$&'()*+,;="

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

enum fy_code fy_percent_decode(const char *in, size_t in_bytes, bool plus_is_space, char *out,
                               size_t out_bytes, struct fy_err *err)
{
    FY_ASSERT(out_bytes > 0);
    size_t filled = 0;
    for (size_t i = 0; i < in_bytes; i++) {
        char c = in[i];
        if (c == '%') {
            int high = i + 2 < in_bytes ? hex_value(in[i + 1]) : -1;
            int low = i + 2 < in_bytes ? hex_value(in[i + 2]) : -1;
            if (high < 0 || low < 0)
                return fy_err_set(err, FY_EINPUT, "a broken %%-escape at byte %zu", i);
            c = (char)(unsigned char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (c == '\0')
            return fy_err_set(err, FY_EINPUT, "a zero byte at byte %zu", i);
        if (filled + 1 >= out_bytes)
            return fy_err_set(err, FY_EINPUT, "over %zu bytes when decoded", out_bytes - 1);
        out[filled++] = c;
    }
    out[filled] = '\0';
    return FY_OK;
}

bool fy_percent_encode(const char *in, bool keep_slash, char *out, size_t out_bytes)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t filled = 0;
    for (; *in != '\0'; in++) {
        unsigned char byte = (unsigned char)*in;
        bool plain = strchr(URI_UNRESERVED, *in) != NULL || (keep_slash && *in == '/');
        if (filled + (plain ? 1 : 3) >= out_bytes)
            return false;
        if (plain) {
            out[filled++] = *in;
        } else {
            out[filled++] = '%';
            out[filled++] = digits[byte >> 4];
            out[filled++] = digits[byte & 15];
        }
    }
    if (filled >= out_bytes)
        return false;
    out[filled] = '\0';
    return true;
}

/* A base URI in pieces, pointing into the text. */
struct uri {
    const char *scheme; /* "http" or "https" */
    const char *host;
    size_t host_bytes;
    long port;
    const char *path; /* with its leading slash, or empty */
    size_t path_bytes;
};

static enum fy_code refuse(const char *in, const char *why, struct fy_err *err)
{
    return fy_err_set(err, FY_EINPUT, "'%.120s' is no base URI: %s", in, why);
}

static bool take_scheme(const char **at, const char **scheme)
{
    const char *mark = strstr(*at, "://");
    *scheme = "http";
    if (mark == NULL) {
        if (strncmp(*at, "//", 2) == 0)
            *at += 2;
        return true;
    }
    size_t size_bytes = (size_t)(mark - *at);
    if (size_bytes == 5 && strncasecmp(*at, "https", 5) == 0)
        *scheme = "https";
    else if (size_bytes != 4 || strncasecmp(*at, "http", 4) != 0)
        return false;
    *at = mark + 3;
    return true;
}

/* A name, an IPv4 address, or an IPv6 address in brackets; empty stands for the default. */
static bool take_host(const char **at, const char **host, size_t *host_bytes)
{
    *host = *at;
    if (**at == '[') {
        size_t inner = strspn(*at + 1, "0123456789abcdefABCDEF:.");
        if (inner == 0 || (*at)[1 + inner] != ']')
            return false;
        *at += inner + 2;
    } else {
        *at += strspn(*at, URI_UNRESERVED);
    }
    *host_bytes = (size_t)(*at - *host);
    return true;
}

static bool take_port(const char **at, long *port)
{
    *port = URI_PORT_DEFAULT;
    if (**at != ':')
        return true;
    (*at)++;
    size_t digits = strspn(*at, "0123456789");
    if (digits == 0) /* "host:" is legal and means the default (RFC 3986, 3.2.3) */
        return true;
    if (digits > 5)
        return false;
    *port = 0;
    for (; digits > 0; digits--, (*at)++)
        *port = *port * 10 + (**at - '0');
    return *port >= 1 && *port <= 65535;
}

static bool take_path(const char **at, const char **path, size_t *path_bytes)
{
    *path = *at;
    *path_bytes = strspn(*at, URI_UNRESERVED URI_SUB_DELIMS "/:@%");
    if (*path_bytes > 0 && **at != '/')
        return false;
    *at += *path_bytes;
    while (*path_bytes > 0 && (*path)[*path_bytes - 1] == '/')
        (*path_bytes)--;
    return true;
}

enum fy_code fy_uri_normalise(const char *in, char out[static FY_URI_BYTES_MAX + 1],
                              struct fy_err *err)
{
    struct uri uri;
    const char *at = in;
    if (*at == '\0')
        return refuse(in, "it is empty", err);
    if (!take_scheme(&at, &uri.scheme))
        return refuse(in, "its scheme is neither http nor https", err);
    if (!take_host(&at, &uri.host, &uri.host_bytes))
        return refuse(in, "its host is broken", err);
    if (!take_port(&at, &uri.port))
        return refuse(in, "its port is not 1-65535", err);
    if (!take_path(&at, &uri.path, &uri.path_bytes) || *at != '\0')
        return refuse(in, "after the host only a port and a path may follow", err);
    if (uri.host_bytes == 0) {
        uri.host = URI_HOST_DEFAULT;
        uri.host_bytes = strlen(URI_HOST_DEFAULT);
    }
    /* "http://" + host + ":65535" + path, one byte kept for the zero. */
    if (strlen(uri.scheme) + 3 + uri.host_bytes + 6 + uri.path_bytes > FY_URI_BYTES_MAX)
        return refuse(in, "it is too long", err);

    int used = snprintf(out, FY_URI_BYTES_MAX + 1, "%s://", uri.scheme);
    FY_ASSERT(used > 0);
    char *to = out + used;
    for (size_t i = 0; i < uri.host_bytes; i++)
        *to++ = (char)tolower((unsigned char)uri.host[i]);
    (void)snprintf(to, (size_t)(out + FY_URI_BYTES_MAX + 1 - to), ":%ld%.*s", uri.port,
                   (int)uri.path_bytes, uri.path);
    return FY_OK;
}

bool fy_uri_host(const char *uri, char host[static FY_URI_BYTES_MAX + 1])
{
    char whole[FY_URI_BYTES_MAX + 1];
    struct fy_err err;
    if (fy_uri_normalise(uri, whole, &err) != FY_OK)
        return false;
    char *from = strstr(whole, "://") + strlen("://"); /* normalised, it has one */
    from[strcspn(from, "/")] = '\0';
    memcpy(host, from, strlen(from) + 1);
    return true;
}
