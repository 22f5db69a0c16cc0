/* stamp.pml - stamps as numbers: common/core/stamp.h. */
/* The order of the numbers is the order of the pairs (time, site). Zero is no stamp. */
#define STAMP(time, site) ((time) * SITES + (site))
#define TIME_OF(stamp) ((stamp) / SITES)
#define SITE_OF(stamp) ((stamp) % SITES)

/* fy_rule_apply: does a change with this stamp apply to a row with that one? */
#if defined(NO_STAMP_GUARD)
#define APPLIES(stamp, row) ((stamp) != (row))
#elif defined(TIES_NOT_BROKEN)
#define APPLIES(stamp, row) (TIME_OF(stamp) > TIME_OF(row))
#elif defined(STAMP_EQUAL_APPLIES)
#define APPLIES(stamp, row) ((stamp) >= (row))
#else
#define APPLIES(stamp, row) ((stamp) > (row))
#endif
