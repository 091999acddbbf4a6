// nexusd: reads the configuration, starts the parts (daemon/), serves until SIGTERM or SIGINT. Holds no rule
// of its own.
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "control_plane/config/environment.h"
#include "control_plane/config/reader.h"
#include "control_plane/daemon/process.h"
#include "control_plane/json/json.h"
#include "control_plane/log/log.h"
#include "control_plane/metrics/metrics.h"
#include "control_plane/server/server.h"
#include "control_plane/services/audit/audit_key.h"
#include "control_plane/version.h"

namespace nexus::control {
namespace {

constexpr int kExitOk = 0;
constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

void print_help() {
    std::printf(
        "usage: nexusd [serve]    apply missing migrations and serve\n"
        "       nexusd migrate    apply missing migrations and end\n"
        "       nexusd --help | --version\n\n%s\n"
        "Exit codes: 0 ended in good order, 1 failure, 2 wrong usage, %d configuration refused.\n",
        config_help().c_str(), kExitConfig);
}

// Memory with master keys in it must not end up in a core file, nor be read by another process of the same
// user.
void make_undumpable() {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    prctl(PR_SET_DUMPABLE, 0);
#endif
    rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
}

// Every thread inherits the mask, so the signals wait for sigwait() in the main thread.
sigset_t block_signals() {
    std::signal(SIGPIPE, SIG_IGN);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    return set;
}

int refuse_config(const std::vector<ConfigProblem> &problems) {
    for (const ConfigProblem &problem : problems) {
        std::fprintf(stderr, "nexusd: %s\n", problem.sentence.c_str());
    }
    return kExitConfig;
}

int fail_start(std::string_view what, const Error &error) {
    log::set_level("error");  // said even with LOG_LEVEL=off: nobody else would
    log::error("start_failed", {{"what", what}, {"reason", error.message}, {"detail", error.detail}});
    return kExitFailure;
}

ServerOptions server_options(const Config &config) {
    ServerOptions options;
    options.address = config.listen;
    options.port = config.port;
    // Beyond the database's connections, threads at work would only stand in each other's way.
    options.workers = {config.worker_threads, config.database_pool, config.queue_limit};
    options.trusted_proxies = config.trusted_proxies;
    options.max_connections = config.max_connections;
    options.request_timeout = std::chrono::seconds(config.request_timeout_s);
    options.idle_timeout = std::chrono::seconds(config.keepalive_timeout_s);
    return options;
}

// The clients and their duplicates, the database, Redis, providers, and some room.
void raise_descriptor_limit(const Config &config) {
    const rlim_t wanted = 2 * rlim_t{config.max_connections} + config.database_pool + 256;
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) {
        return;
    }
    limit.rlim_cur = std::min(wanted, limit.rlim_max);
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < wanted) {
        log::warn("few_file_descriptors", {{"limit", limit.rlim_cur}, {"wanted", wanted}});
    }
}

/// nullopt: the callback's path is another route's, which has been said. All other routes are fixed.
std::optional<Router> router_of(Process &process, const Config &config) {
    try {
        return make_router(process.context, process.gate);
    } catch (const std::invalid_argument &problem) {
        refuse_config({{"REDIRECT_PATH", "REDIRECT_PATH must not be " + config.redirect_path +
                                             ", which nexusd has a use for (" + problem.what() + ")"}});
        return std::nullopt;
    }
}

int serve(const Config &config, Metrics &metrics, std::unique_ptr<store::Database> database,
          const sigset_t &signals) {
    std::vector<Secret> state_keys;
    for (const Secret &key : config.state_keys) {
        state_keys.push_back(key.clone());
    }
    Result<StateSigner> signer = StateSigner::create(std::move(state_keys));
    if (!signer) {
        return fail_start("STATE_KEY", signer.error());
    }
    if (Result<void> loaded = load_audit_chain(*database, Vault(config.encryption_keys), system_now_ms);
        !loaded) {
        return fail_start("ENCRYPTION_KEY", loaded.error());
    }
    if (::access(config.refresh_journal_folder.c_str(), W_OK | X_OK) != 0) {
        return fail_start("REFRESH_JOURNAL_DIR", Error{Errc::kInternal, "the folder cannot be written to",
                                                       unreadable(config.refresh_journal_folder, errno), 0});
    }
    Process process(config, metrics, std::move(database), std::move(*signer));
    std::optional<Router> router = router_of(process, config);
    if (!router) {
        return kExitConfig;
    }
    process.drainer.start();
    Server server(server_options(config), std::move(*router), &metrics);
    if (Result<void> started = server.start(); !started) {
        return fail_start("listen", started.error());
    }
    process.keeper.start();
    process.issuer_keeper.start();
    process.scheduler.start();
    log::info("started", {{"version", kVersion},
                          {"address", config.listen},
                          {"port", server.port()},
                          {"redis", config.redis.describe()},
                          {"encryption_key", crypto::to_hex(config.encryption_keys->current().id)},
                          {"cache_key", crypto::to_hex(config.cache_keys->current().id)}});
    for (const OpenGuard &guard : open_guards(config)) {
        log::warn("guard_off", {{"variable", guard.variable}, {"meaning", guard.meaning}});
    }
    int signal = 0;
    do {
        sigwait(&signals, &signal);
    } while (signal == SIGHUP);  // nothing to reload: configuration is read once
    log::info("stopping", {{"signal", signal}});
    const auto grace_ends = std::chrono::steady_clock::now() + std::chrono::seconds(config.shutdown_grace_s);
    server.stop(std::chrono::seconds(config.shutdown_grace_s));
    process.scheduler.stop();
    const auto left = grace_ends - std::chrono::steady_clock::now();
    process.engine.stop(std::chrono::duration_cast<std::chrono::milliseconds>(left));
    process.issuer_keeper.stop();
    process.keeper.stop();
    process.drainer.stop();
    process.audit.stop();
    log::info("stopped");
    return kExitOk;
}

int run(std::string_view command) {
    json::install_wiping_allocator();
    make_undumpable();
    sigset_t signals = block_signals();
    auto config = parse_config(process_environment());
    forget_secret_environment();
    forget_libpq_environment();
    if (!config) {
        return refuse_config(config.error());
    }
    log::set_level(config->log_level);
    raise_descriptor_limit(*config);
    store::DatabaseOptions options;
    options.pool_size = config->database_pool;
    Metrics metrics;
    Result<std::unique_ptr<store::Database>> database =
        store::Database::open(config->database, options, &metrics);
    if (!database) {
        return fail_start("database", database.error());
    }
    Result<int> applied = (*database)->migrate();
    if (!applied) {
        return fail_start("migrate", applied.error());
    }
    log::info("migrated", {{"applied", *applied}});
    if (command == "migrate") {
        return kExitOk;
    }
    return serve(*config, metrics, std::move(*database), signals);
}

int main_guarded(int argc, char **argv) {
    std::string_view command = argc > 1 ? argv[1] : "serve";
    const bool is_known = command == "serve" || command == "migrate" || command == "--help" ||
                          command == "-h" || command == "--version";
    if (argc > 2 || !is_known) {
        const std::string_view odd = is_known ? argv[2] : command;
        std::fprintf(stderr, "nexusd: unexpected argument %s; see nexusd --help\n", quoted(odd).c_str());
        return kExitUsage;
    }
    if (command == "--help" || command == "-h") {
        print_help();
        return kExitOk;
    }
    if (command == "--version") {
        std::printf("nexusd %s\n", std::string{kVersion}.c_str());
        return kExitOk;
    }
    return run(command);
}

}  // namespace
}  // namespace nexus::control

int main(int argc, char **argv) {
    try {
        return nexus::control::main_guarded(argc, argv);
    } catch (const std::exception &) {
        std::fprintf(stderr, "nexusd: ended by an internal error\n");
        return 1;
    }
}
