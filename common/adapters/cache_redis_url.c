/* cache_redis_url.c - the engine URL of a Redis, and the file with its password. */
#include "common/adapters/cache_redis_internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/secret.h"

#define SCHEME       "redis://"
#define SCHEME_TLS   "rediss://"
#define PORT_DEFAULT "6379"
#define DB_MAX       16383 /* more than any server is set up with */

/* A piece of the URL. */
struct piece {
    const char *start;
    const char *end;
};

static bool piece_copy(struct piece piece, char *field, size_t field_bytes)
{
    size_t size_bytes = (size_t)(piece.end - piece.start);
    if (size_bytes >= field_bytes)
        return false;
    memcpy(field, piece.start, size_bytes);
    field[size_bytes] = '\0';
    return true;
}

static int hex_digit(char c)
{
    if (isdigit((unsigned char)c))
        return c - '0';
    return isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

/* Percent-decodes; %00 is refused, as the texts end with it. */
static bool piece_decode(struct piece piece, char *field, size_t field_bytes)
{
    size_t size_bytes = 0;
    for (const char *c = piece.start; c < piece.end; c++) {
        char byte = *c;
        if (byte == '%') {
            int high = piece.end - c > 2 ? hex_digit(c[1]) : -1;
            int low = piece.end - c > 2 ? hex_digit(c[2]) : -1;
            if (high < 0 || low < 0)
                return false;
            byte = (char)(high * 16 + low);
            c += 2;
        }
        if (byte == '\0' || size_bytes + 1 >= field_bytes)
            return false;
        field[size_bytes++] = byte;
    }
    field[size_bytes] = '\0';
    return true;
}

static bool number_copy(struct piece piece, long max, char *field, size_t field_bytes)
{
    if (!piece_copy(piece, field, field_bytes) || field[0] == '\0')
        return false;
    return strspn(field, "0123456789") == strlen(field) && strtol(field, NULL, 10) <= max;
}

/* "[USER]:PASSWORD" */
static enum fy_code parse_secret(struct piece secret, struct fy_redis_url *url, struct fy_err *err)
{
    const char *colon = memchr(secret.start, ':', (size_t)(secret.end - secret.start));
    if (colon == NULL)
        return fy_err_set(err, FY_EINPUT, "cache: before the @ stands USER:PASSWORD");
    const struct piece user = {secret.start, colon};
    const struct piece password = {colon + 1, secret.end};
    if (!piece_decode(user, url->user, sizeof(url->user)) ||
        !piece_decode(password, url->password, sizeof(url->password)))
        return fy_err_set(err, FY_EINPUT,
                          "cache: user or password over %d bytes or with a bad %% escape",
                          FY_REDIS_SECRET_BYTES - 1);
    return FY_OK;
}

/* "HOST[:PORT]", "[IPV6][:PORT]" */
static enum fy_code parse_host(struct piece place, struct fy_redis_url *url, struct fy_err *err)
{
    struct piece host = place;
    if (place.start < place.end && *place.start == '[') {
        host.start++;
        host.end = memchr(place.start, ']', (size_t)(place.end - place.start));
        if (host.end == NULL)
            return fy_err_set(err, FY_EINPUT, "cache: no ] after the host");
        place.start = host.end + 1;
    } else {
        const char *colon = memchr(place.start, ':', (size_t)(place.end - place.start));
        host.end = colon != NULL ? colon : place.end;
        place.start = host.end;
    }
    if (!piece_copy(host, url->host, sizeof(url->host)) || url->host[0] == '\0')
        return fy_err_set(err, FY_EINPUT, "cache: no host, or one over %d bytes",
                          FY_REDIS_HOST_BYTES - 1);
    if (place.start == place.end)
        return FY_OK;
    const struct piece port = {place.start + 1, place.end};
    if (*place.start != ':' || !number_copy(port, 65535, url->port, sizeof(url->port)))
        return fy_err_set(err, FY_EINPUT, "cache: the port is no number up to 65535");
    return FY_OK;
}

enum fy_code fy_redis_url_parse(const char *text, struct fy_redis_url *url, struct fy_err *err)
{
    *url = (struct fy_redis_url){.port = PORT_DEFAULT, .db = "0"};
    if (strncmp(text, SCHEME_TLS, strlen(SCHEME_TLS)) == 0)
        return fy_err_set(err, FY_EINPUT,
                          "cache: rediss: (TLS) is not built in; redis: through a local tunnel is");
    if (strncmp(text, SCHEME, strlen(SCHEME)) != 0)
        return fy_err_set(err, FY_EINPUT,
                          "cache: it is redis://[[USER]:PASSWORD@]HOST[:PORT][/DB]");
    enum fy_code code = FY_OK;
    struct piece place = {text + strlen(SCHEME), text + strlen(text)};
    const char *at = strrchr(place.start, '@');
    if (at != NULL) {
        code = parse_secret((struct piece){place.start, at}, url, err);
        place.start = at + 1;
    }
    const char *slash = strchr(place.start, '/');
    if (slash != NULL)
        place.end = slash;
    if (code == FY_OK)
        code = parse_host(place, url, err);
    if (code == FY_OK && slash != NULL && slash[1] != '\0' &&
        !number_copy((struct piece){slash + 1, slash + strlen(slash)}, DB_MAX, url->db,
                     sizeof(url->db)))
        code = fy_err_set(err, FY_EINPUT, "cache: the database is no number up to %d", DB_MAX);
    return code;
}

enum fy_code fy_redis_password_read(const char *path, struct fy_redis_url *url, struct fy_err *err)
{
    if (url->password[0] != '\0')
        return fy_err_set(err, FY_EINPUT, "cache: a password in the URL and one in a file");
    return fy_secret_read("cache.password_file", path, url->password, sizeof(url->password), err);
}

enum fy_code fy_redis_settings_read(const struct fy_cache_redis_settings *settings,
                                    struct fy_redis_url *url, struct fy_err *err)
{
    enum fy_code code = fy_redis_url_parse(settings->url, url, err);
    if (code == FY_OK && settings->password_file[0] != '\0')
        code = fy_redis_password_read(settings->password_file, url, err);
    return code;
}
