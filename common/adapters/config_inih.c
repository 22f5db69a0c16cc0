/* config_inih.c - an INI file, line by line. */
#include "common/adapters/config_inih.h"

#include <ini.h>
#include <stdio.h>

struct reading {
    struct fy_config *config;
    enum fy_code code; /* of the first bad line; the rest is not looked at */
    struct fy_err *err;
};

/* Called by libinih for each key. 0 marks the line as bad; libinih goes on, so we stop by
 * ourselves. */
static int on_key(void *arg, const char *section, const char *key, const char *value)
{
    struct reading *reading = arg;
    char name[128];
    if (reading->code != FY_OK)
        return 0;
    int length =
        snprintf(name, sizeof(name), "%s%s%s", section, section[0] != '\0' ? "." : "", key);
    if (length < 0 || (size_t)length >= sizeof(name))
        reading->code = fy_err_set(reading->err, FY_EINPUT, "there is no setting '%.60s...'", name);
    else
        reading->code = fy_config_set(reading->config, name, value, reading->err);
    return reading->code == FY_OK;
}

enum fy_code fy_config_file(struct fy_config *config, const char *path, struct fy_err *err)
{
    struct reading reading = {.config = config, .err = err};
    int line = ini_parse(path, on_key, &reading);
    if (line < 0)
        return fy_err_set(err, FY_ENOTFOUND, "%s: cannot be read", path);
    if (line == 0)
        return FY_OK;
    if (reading.code == FY_OK)
        return fy_err_set(err, FY_EINPUT, "%s:%d: neither [section] nor key = value", path, line);
    (void)fy_err_add(err, "%s:%d", path, line);
    return FY_EINPUT;
}
