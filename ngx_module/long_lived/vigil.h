// Watches the records that a tunnel or a request lives on, its connection's and its caller's, for as long as
// it lives: it asks for nothing any more, so nobody else would notice a revoke on its behalf. It looks into
// L1, which events keep up to date, and has a record fetched where L1 has none that counts.
#pragma once

#include <optional>
#include <string_view>

#include "ngx_module/access/access.h"
#include "ngx_module/cache/records.h"
#include "ngx_module/lookup/lookup.h"

namespace nexus::edge {

class Vigil {
public:
    static constexpr ngx_msec_t kEveryMs = 1000;  // how often to look

    explicit Vigil(const Access &access) noexcept;
    ~Vigil();
    Vigil(const Vigil &) = delete;
    Vigil &operator=(const Vigil &) = delete;

    /// Looks, as far as it can without waiting; what has to be fetched shows when it is called again.
    /// false: one of the records is known to be taken back, or to need a person. One that cannot be had is
    /// not
    bool look() noexcept;

private:
    struct Watched {
        record::Kind kind;
        std::string_view id;  // the request's
        std::optional<cache::KeptRecord> kept;
    };

    bool look(Watched &watched) noexcept;
    void ask(const Watched &watched) noexcept;
    void take_answer() noexcept;
    static void on_answer(Lookup *lookup) noexcept;

    const Access &access_;
    Watched watched_[2];
    size_t count_ = 0;
    bool is_withdrawn_ = false;

    // A request of its own for what is fetched: in the tunnel's, memory would only grow.
    ngx_http_request_t *asking_ = nullptr;
    Lookup lookup_;
    ngx_msec_t quiet_until_ = 0;  // nobody had an answer
};

}  // namespace nexus::edge
