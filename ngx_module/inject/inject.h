// Injection: the connection's credential goes onto the proxied request (nexus_inject), if the destination may
// have it. Which caller may use which connection is decided before, in access/access.cpp.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "ngx_module/access/access.h"
#include "ngx_module/ngx/ngx.h"
#include "shared/http1/header_block.h"
#include "shared/strategy/header_rules.h"
#include "shared/strategy/strategy.h"

namespace nexus::edge {

/// The caller's headers that must not reach a provider, whatever put them there.
inline constexpr std::string_view kOwnHeaders[] = {"X-Nexus-Key", "X-Nexus-Agent", "X-Nexus-Connection"};

/// An injection of headers as lines; views into it.
class InjectedLines {
public:
    explicit InjectedLines(const strategy::Injection &injection) {
        lines_.at(count_++) = {injection.name, injection.value, injection.prefix};
        for (const strategy::Injection::Line &line : injection.more) {
            lines_.at(count_++) = {line.name, line.value, line.prefix};
        }
    }
    std::span<const http1::HeaderLine> all() const noexcept { return {lines_.data(), count_}; }

private:
    std::array<http1::HeaderLine, strategy::kMaxHeaderLines> lines_;
    size_t count_ = 0;
};

/// Arranges that the credential of access.token is put on while the request is serialised.
/// returns NGX_OK     arranged, or nothing is proxied here
///         NGX_ERROR
ngx_int_t prepare_injection(Access &access);

}  // namespace nexus::edge
