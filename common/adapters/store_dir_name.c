/* store_dir_name.c - names of bodies: made from random bits, and checked letter by letter when they
 * come back, so that nothing but a body of this store is ever opened or removed. */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "common/adapters/store_dir_internal.h"

static_assert(FY_STORE_SHARDS <= 256, "two hexadecimal digits name a shard");
static_assert(sizeof(STORE_DIR_REF_PREFIX) + sizeof("00/") + STORE_DIR_NAME_BYTES <=
                  FY_BLOB_REF_BYTES_MAX,
              "every name fits a blob_ref");

/* How many of [0-9a-v] text begins with; they are the digits of base32hex. */
static size_t digits_at(const char *text)
{
    return strspn(text, "0123456789abcdefghijklmnopqrstuv");
}

bool store_dir_boot_id_is_valid(const char *boot_id)
{
    size_t digits = digits_at(boot_id);
    return digits >= 1 && digits <= FY_STORE_DIR_BOOT_BYTES_MAX && boot_id[digits] == '\0';
}

void store_dir_name_new(const char *boot_id, struct store_dir_name *name)
{
    uint8_t random[STORE_DIR_RANDOM_BYTES];
    ssize_t got = getrandom(random, sizeof(random), 0);
    FY_ASSERT(got == (ssize_t)sizeof(random)); /* up to 256 bytes are never cut or interrupted */

    char digits[STORE_DIR_RANDOM_DIGITS + 1];
    fy_base32hex(random, sizeof(random), digits);
    *name = (struct store_dir_name){.shard = random[0] % FY_STORE_SHARDS};
    bool fits = fy_text_copy(name->boot_id, sizeof(name->boot_id), boot_id);
    FY_ASSERT(fits);
    (void)snprintf(name->file, sizeof(name->file), "%s.%s", name->boot_id, digits); /* it fits */
}

void store_dir_name_temp(const struct store_dir_name *name, char file[static STORE_DIR_NAME_BYTES])
{
    FY_ASSERT(!name->temp);
    const char *random = strchr(name->file, '.');
    FY_ASSERT(random != NULL);
    (void)snprintf(file, STORE_DIR_NAME_BYTES, STORE_DIR_TEMP_PREFIX "%s%.*s", name->boot_id,
                   1 + STORE_DIR_RANDOM_DIGITS, random); /* it fits by STORE_DIR_NAME_BYTES */
}

bool store_dir_name_of_file(uint32_t shard, const char *file, struct store_dir_name *name)
{
    const size_t prefix_bytes = sizeof(STORE_DIR_TEMP_PREFIX) - 1;
    bool temp = strncmp(file, STORE_DIR_TEMP_PREFIX, prefix_bytes) == 0;
    const char *boot_id = temp ? file + prefix_bytes : file;
    size_t boot_bytes = digits_at(boot_id);
    if (boot_bytes < 1 || boot_bytes > FY_STORE_DIR_BOOT_BYTES_MAX || boot_id[boot_bytes] != '.')
        return false;
    const char *random = boot_id + boot_bytes + 1;
    if (digits_at(random) != STORE_DIR_RANDOM_DIGITS || random[STORE_DIR_RANDOM_DIGITS] != '\0')
        return false;

    *name = (struct store_dir_name){.shard = shard, .temp = temp};
    memcpy(name->boot_id, boot_id, boot_bytes);
    return fy_text_copy(name->file, sizeof(name->file), file);
}

/* Two lower-case hexadecimal digits and a slash; -1 for all else. */
static int shard_at(const char *text)
{
    static const char hex[] = "0123456789abcdef";
    int shard = 0;
    for (int i = 0; i < 2; i++) {
        const char *digit = text[i] == '\0' ? NULL : strchr(hex, text[i]);
        if (digit == NULL)
            return -1;
        shard = shard * 16 + (int)(digit - hex);
    }
    return text[2] == '/' && shard < FY_STORE_SHARDS ? shard : -1;
}

enum fy_code store_dir_ref_parse(const char *blob_ref, struct store_dir_name *name,
                                 struct fy_err *err)
{
    const size_t prefix_bytes = sizeof(STORE_DIR_REF_PREFIX) - 1;
    if (strncmp(blob_ref, STORE_DIR_REF_PREFIX, prefix_bytes) == 0) {
        const char *path = blob_ref + prefix_bytes;
        int shard = shard_at(path);
        if (shard >= 0 && store_dir_name_of_file((uint32_t)shard, path + 3, name))
            return FY_OK;
    }
    return fy_err_set(err, FY_EINTERNAL, "store: '%.80s' is no reference of this store", blob_ref);
}

void store_dir_shard_print(uint32_t shard, char text[static 3])
{
    FY_ASSERT(shard < FY_STORE_SHARDS);
    (void)snprintf(text, 3, "%02x", shard & 0xffu); /* two digits fit */
}

void store_dir_ref_print(const struct store_dir_name *name,
                         char blob_ref[static FY_BLOB_REF_BYTES_MAX + 1])
{
    char shard[3];
    store_dir_shard_print(name->shard, shard);
    (void)snprintf(blob_ref, FY_BLOB_REF_BYTES_MAX + 1, STORE_DIR_REF_PREFIX "%s/%s", shard,
                   name->file); /* it fits, asserted above */
}
