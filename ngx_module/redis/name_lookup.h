// Addresses of servers that other servers announce. Literals are taken as they are; names are asked of
// nginx's `resolver`, without which they are refused: nothing else resolves without blocking the worker.
#pragma once

#include <functional>
#include <optional>

#include "ngx_module/ngx/ngx.h"
#include "ngx_module/redis/address.h"
#include "ngx_module/redis/conf.h"
#include "shared/resp/host_port.h"

namespace nexus::edge::redis {

/// One lookup at a time: one of another server ends it, one of the same server joins it.
class NameLookup {
public:
    /// Called with the address, or nullopt: there is none (which has been logged). May be called within
    /// `start`.
    using Done = std::function<void(std::optional<Address>)>;

    NameLookup(const RedisConf &conf, ngx_log_t *log) noexcept : conf_(conf), log_(log) {}
    ~NameLookup() { cancel(); }
    NameLookup(const NameLookup &) = delete;
    NameLookup &operator=(const NameLookup &) = delete;

    /// `present`: kept if it is one of several that the name has; nullptr: any of them
    void start(const resp::HostPort &server, Done done, const Address *present = nullptr);
    void cancel() noexcept;
    bool is_running() const noexcept { return resolving_ != nullptr; }

private:
    void ask_resolver();
    void on_resolved(ngx_resolver_ctx_t *resolved) noexcept;
    std::optional<Address> choose(const ngx_resolver_ctx_t &resolved) const;
    void finish(std::optional<Address> address);
    void refuse(const char *why) noexcept;

    const RedisConf &conf_;
    ngx_log_t *log_;
    resp::HostPort server_;
    Done done_;
    std::optional<Address> present_;
    std::string refused_;  // the name of the last log line: once for each outage
    ngx_resolver_ctx_t *resolving_ = nullptr;
};

}  // namespace nexus::edge::redis
