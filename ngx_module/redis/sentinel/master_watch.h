// Who the master is: whom most of the Sentinels name. Whether that one says so itself is asked by the
// connections to it (Login::must_be_master).
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "ngx_module/redis/name_lookup.h"
#include "ngx_module/redis/sentinel/sentinel.h"

namespace nexus::edge::redis {

/// All Sentinels are listened to: one that was cut off from the others names the old master for ever.
class MasterWatch final : private Sentinel::Owner {
public:
    class Owner {
    public:
        /// The same master is told again and again.
        virtual void on_master(const Address &master) noexcept = 0;

    protected:
        ~Owner() = default;
    };

    /// Throws std::bad_alloc.
    MasterWatch(const RedisConf &conf, ngx_log_t *log, Owner &owner);

    void start() noexcept;
    /// The master is in doubt until it is trusted, or another one is named: all are asked at once.
    void doubt() noexcept;
    void trust() noexcept { in_doubt_ = false; }

private:
    void on_heard() noexcept override;

    void judge();
    void use(const Address &address) noexcept;
    bool may_look_elsewhere() const noexcept;

    ngx_log_t *log_;
    Owner &owner_;
    std::vector<std::unique_ptr<Sentinel>> sentinels_;
    std::optional<resp::HostPort> master_;  // nullopt: nobody has been named yet
    std::optional<Address> address_;        // of its name's, the one that is used
    bool in_doubt_ = false;
    ngx_msec_t chosen_at_ = 0;  // this master, or this address of it
    NameLookup lookup_;
};

}  // namespace nexus::edge::redis
