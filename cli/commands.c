/* commands.c - the table of subcommands; help is printed from it. */
#include "cli/command.h"

#define FILTER                                                                                     \
    {"site", "SITE", "from this site (in) or to it (out)"},                                        \
        {"bucket", "BUCKET", "in this bucket"},                                                    \
        {"reason", "REASON",                                                                       \
         "for this reason, like SRC_NOT_FOUND; CONFLICT: also bodies that lost"},                  \
        {"state", "STATE", "waiting or dead"},                                                     \
    {                                                                                              \
        "direction", "WAY", "in or out"                                                            \
    }

/* Of commands about objects: see fy_place_word. */
#define PLACE                                                                                      \
    {"account", "ACCOUNT", "whose the bucket is, exactly; without --client it asks, too"},         \
    {                                                                                              \
        "container", "NAME", "the bucket's exact name, slashes too; then words name objects alone" \
    }

#define SERVER(title, function, sentence)                                                          \
    {                                                                                              \
        .name = (title), .words = "", .settings = FY_FOR_SERVER, .run = (function),                \
        .meaning = (sentence)                                                                      \
    }
#define CLIENT(title, usage, count, function, sentence)                                            \
    {                                                                                              \
        .name = (title), .words = (usage), .words_min = (count), .words_max = (count),             \
        .settings = FY_FOR_CLIENT, .run = (function), .meaning = (sentence)                        \
    }
#define OPTIONS(title, usage, min, max, function, sentence, ...)                                   \
    {                                                                                              \
        .name = (title), .words = (usage), .words_min = (min), .words_max = (max),                 \
        .settings = FY_FOR_CLIENT, .run = (function), .meaning = (sentence), .options = {          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

static const struct fy_command commands[] = {
    SERVER("up", fy_command_role, "run a whole site in one process"),
    SERVER("api", fy_command_role, "run an API alone, on engines that processes share"),
    SERVER("worker", fy_command_role, "run a worker alone, on engines that processes share"),
    CLIENT("site add", "NAME URL", 2, fy_command_site_add, "make another site known"),
    CLIENT("site ls", "", 0, fy_command_site_ls, "list the sites"),
    CLIENT("site rm", "NAME", 1, fy_command_site_rm, "forget a site"),
    CLIENT("site pause", "NAME", 1, fy_command_site_pause,
           "keep its orders back; they gather in its topic"),
    CLIENT("site resume", "NAME", 1, fy_command_site_resume, "let its orders flow again"),
    OPTIONS("bucket mk", "BUCKET", 1, 1, fy_command_bucket_mk, "make a bucket",
            {"targets", "SITE,...", "replicate it to these sites only"}),
    OPTIONS("bucket set", "BUCKET", 1, 1, fy_command_bucket_set,
            "show or set to which sites this site replicates it",
            {"targets", "SITE,...", "to these only; '' to every site, its own name to none"}),
    CLIENT("bucket ls", "", 0, fy_command_bucket_ls, "list your buckets"),
    CLIENT("bucket rm", "BUCKET", 1, fy_command_bucket_rm, "delete an empty bucket"),
    OPTIONS("put", "SOURCE BUCKET[/NAME]", 1, 2, fy_command_put,
            "upload a file, a folder or - (stdin) under exact names",
            {"jobs", "N", "uploads at once [8]"}, PLACE),
    OPTIONS("get", "BUCKET/NAME|ID [TARGET]", 1, 2, fy_command_get,
            "download an object, checked against its hash; - is stdout",
            {"prefix", NULL, "all objects whose names begin with NAME, into the folder TARGET"},
            {"conflict", NULL, "the body that lost a conflict, ID as `failed ls` has it, like c12"},
            {"version", "N", "this one of its versions, not the newest"},
            {"jobs", "N", "downloads at once [8]"}, PLACE),
    OPTIONS("ls", "BUCKET[/PREFIX]", 0, 1, fy_command_ls, "list objects",
            {"versions", NULL, "each version of them, newest first, and delete markers"}, PLACE),
    OPTIONS("rm", "BUCKET/NAME", 1, 1, fy_command_rm, "delete an object",
            {"version", "N", "only this one of its versions, for good"}, PLACE),
    OPTIONS("undelete", "BUCKET/NAME", 0, 1, fy_command_undelete,
            "bring back an object deleted less than trash.keep ago, everywhere",
            {"prefix", NULL, "all deleted objects whose names begin with NAME"},
            {"deleted-since", "TIME", "of those only what was deleted so recently, like 2h"},
            {"list", NULL, "only show what can be brought back"},
            {"dry-run", NULL, "the same: what would be"}, PLACE),
    OPTIONS("stat", "BUCKET/NAME", 1, 1, fy_command_stat, "an object, on every site", PLACE),
    OPTIONS("diff", "BUCKET[/PREFIX]", 0, 1, fy_command_diff,
            "what another site has not (<), has more (>) or otherwise (!)",
            {"with", "SITE", "the other site"},
            {"accessor", "URL", "of a CCS site: where its clients list, if not at the site's URI"},
            {"older-than", "TIME", "leave out what either changed within it, like 5m"}, PLACE),
    OPTIONS("order", "[BUCKET[/NAME]]", 0, 1, fy_command_order,
            "order a replication, or many from a file",
            {"from", "SITE", "the site that has it [the site talked to]"},
            {"to", "SITE", "the site that shall have it [all others]"},
            {"delete", NULL, "order a delete"},
            {"f", "FILE", "orders, one JSON object a line; - is stdin"},
            {"wait", NULL, "wait for what becomes of it on every site"},
            {"timeout", "TIME", "longest wait [60s]"}),
    OPTIONS("backfill", "[BUCKET[/PREFIX]]", 0, 1, fy_command_backfill,
            "order what was here before a site, in the background",
            {"to", "SITE", "the site that shall have it"},
            {"dry-run", NULL, "only count what would be ordered"},
            {"rate", "N", "orders a second at most [any; behind live orders always]"},
            {"all", NULL, "whatever the site has already; else what it lacks, if it can tell"},
            {"force", NULL, "also where a delete came too late, or the bucket is for other sites"},
            {"detach", NULL, "begin it and do not wait"},
            {"list", NULL, "those that run, and the last that ended"},
            {"cancel", "ID", "end one; what it has ordered stays ordered"}, PLACE),
    CLIENT("status", "", 0, fy_command_status, "how far behind each site is, and why"),
    OPTIONS("lag", "", 0, 0, fy_command_lag,
            "how far behind each topic is, by partition: orders and time",
            {"all", NULL, "also partitions that are not behind"}),
    OPTIONS("failed ls", "", 0, 0, fy_command_failed_ls,
            "orders that wait or are dead; of CONFLICT: bodies that lost", FILTER),
    CLIENT("failed show", "ID", 1, fy_command_failed_show, "one of them, whole"),
    OPTIONS("failed retry", "[ID]", 0, 1, fy_command_failed_retry,
            "try them again now, from the start", FILTER, {"dry-run", NULL, "only say how many"}),
    OPTIONS("failed drop", "[ID]", 0, 1, fy_command_failed_drop, "give them up for good", FILTER,
            {"dry-run", NULL, "only say how many"}),
    OPTIONS("verify", "[BUCKET[/PREFIX]]", 0, 1, fy_command_verify,
            "hash the site's stored bodies again, and name those that are damaged",
            {"repair", NULL, "fetch their bytes from another site"},
            {"background", NULL, "do not wait for it"},
            {"status", NULL, "only how far it is, and what it has found"},
            {"stop", NULL, "end the scan that runs"}, PLACE),
    {.name = "config show",
     .words = "",
     .settings = FY_FOR_SERVER | FY_FOR_CLIENT,
     .run = fy_command_config_show,
     .meaning = "the settings as they are in force"},
    {.name = "config check",
     .words = "[up|api|worker]",
     .words_max = 1,
     .settings = FY_FOR_SERVER,
     .run = fy_command_config_check,
     .meaning = "whether it would start with them; asks nobody, opens nothing"},
    {.name = "topics ensure",
     .words = "[SITE...]",
     .words_max = FY_COMMAND_OPTIONS_MAX,
     .settings = FY_FOR_SERVER,
     .run = fy_command_topics_ensure,
     .meaning = "make and check topics in Kafka"},
    {.name = "fsck",
     .words = "",
     .settings = FY_FOR_SERVER,
     .run = fy_command_fsck,
     .meaning = "whether rows, bodies and files of a site agree; exit code 11 when not",
     .options = {{"rebuild", NULL, "restore a lost catalogue, into a new one, from the store"}}},
    {.name = "doctor",
     .words = "",
     .settings = FY_FOR_CLIENT | FY_FOR_SERVER,
     .run = fy_command_doctor,
     .meaning = "look for what is wrong, and say it"},
    CLIENT("health", "", 0, fy_command_health,
           "whether the process at --url is ready; exit code 5 and why when not"),
    CLIENT("version", "", 0, fy_command_version, "the version"),
    OPTIONS("help", "[COMMAND...]", 0, 2, fy_command_help_show, "this, or one command", {0}),
};

const struct fy_command *fy_commands(size_t *count)
{
    *count = FY_COUNT_OF(commands);
    return commands;
}
