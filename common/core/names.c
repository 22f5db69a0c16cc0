/* names.c - which names are good as they are. */
#include "common/core/names.h"

#include <string.h>

#define CCS_NAME_BYTES_MIN     3 /* bucket and client */
#define CCS_NAME_BYTES_MAX     63
#define EXACT_OBJECT_BYTES_MAX (FY_OBJECT_BYTES_MAX - 1) /* OpenIO's limit, below CCS's by one */

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

#define CCS_OBJECT DIGITS LOWER UPPER "_./-"

/* All characters are of the set, and there are low..high of them. */
static bool is_of(const char *text, const char *set, size_t low, size_t high)
{
    size_t size_bytes = strnlen(text, high + 1);
    return size_bytes >= low && size_bytes <= high && strspn(text, set) == size_bytes;
}

bool fy_site_is_valid(const char *site)
{
    return is_of(site, DIGITS UPPER LOWER ".-", 1, FY_SITE_BYTES_MAX);
}

bool fy_ccs_bucket_is_valid(const char *bucket)
{
    return is_of(bucket, DIGITS LOWER "-", CCS_NAME_BYTES_MIN, CCS_NAME_BYTES_MAX);
}

bool fy_ccs_object_is_valid(const char *object)
{
    return is_of(object, CCS_OBJECT, 1, FY_OBJECT_BYTES_MAX);
}

bool fy_ccs_client_is_valid(const char *client)
{
    return is_of(client, DIGITS LOWER "-", CCS_NAME_BYTES_MIN, CCS_NAME_BYTES_MAX);
}

bool fy_ccs_metadata_key_is_valid(const char *key)
{
    return is_of(key, DIGITS LOWER UPPER "_", 1, FY_METADATA_BYTES_MAX) &&
           strchr(DIGITS, key[0]) == NULL;
}

bool fy_ccs_text_is_sane(const char *text)
{
    static const char *const forbidden[] = {
        ";", "<script>", "&lt;script&gt;", "<![CDATA[", "&lt;![CDATA[", "<!ENTITY", "&lt;!ENTITY",
    };
    for (const char *at = text; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            return false;
    for (size_t i = 0; i < FY_COUNT_OF(forbidden); i++)
        if (strstr(text, forbidden[i]) != NULL)
            return false;
    return true;
}

static bool is_exact(const char *name, size_t size_bytes, size_t bytes_max)
{
    return size_bytes >= 1 && size_bytes <= bytes_max && memchr(name, '\0', size_bytes) == NULL &&
           fy_utf8_is_valid(name, size_bytes);
}

/* CCS has names of one byte more, and they travel between Ferry sites like any other. */
static bool is_longest_ccs_object(const char *object, size_t size_bytes)
{
    if (size_bytes != FY_OBJECT_BYTES_MAX)
        return false;
    for (size_t i = 0; i < size_bytes; i++)
        if (object[i] == '\0' || strchr(CCS_OBJECT, object[i]) == NULL)
            return false;
    return true;
}

bool fy_exact_object_is_valid(const char *object, size_t size_bytes)
{
    return is_exact(object, size_bytes, EXACT_OBJECT_BYTES_MAX) ||
           is_longest_ccs_object(object, size_bytes);
}

bool fy_exact_bucket_is_valid(const char *bucket, size_t size_bytes)
{
    return is_exact(bucket, size_bytes, FY_BUCKET_BYTES_MAX);
}

bool fy_exact_client_is_valid(const char *client, size_t size_bytes)
{
    if (!is_exact(client, size_bytes, FY_CLIENT_BYTES_MAX))
        return false;
    for (size_t i = 0; i < size_bytes; i++)
        if ((unsigned char)client[i] < ' ' || client[i] == 0x7f)
            return false; /* it travels in a header */
    return true;
}
