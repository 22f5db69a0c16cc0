/* config_inih.h - settings out of an INI file, by libinih. */
#ifndef FY_ADAPTERS_CONFIG_INIH_H
#define FY_ADAPTERS_CONFIG_INIH_H

#include "common/core/config.h"

/* [retry] max_age = 24h is the setting retry.max_age; keys before any section have no prefix.
 * Errors: FY_EINPUT the line of what is no setting, or does not parse; FY_ENOTFOUND no such file.
 */
FY_MUST_CHECK enum fy_code fy_config_file(struct fy_config *config, const char *path,
                                          struct fy_err *err);

#endif
