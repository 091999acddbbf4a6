// nexus_sigv4: how a location signs for AWS, beside what the connection's record says.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ngx_module/ngx/ngx.h"
#include "shared/sigv4/signing_key.h"

namespace nexus::edge {

enum class PayloadMode : uint8_t {
    kBuffer,    // the body's hash is signed
    kUnsigned,  // it is not: S3 over TLS only
    kStream,    // it is framed anew, and each chunk is signed: S3; others as kBuffer
};

/// What a caller's dummy signature may ask for.
struct ScopeRule {
    std::string region;  // "*" = any
    std::string service;
};

struct Sigv4Conf {
    PayloadMode payload = PayloadMode::kBuffer;
    ngx_str_t region{};            // empty = the record's
    ngx_str_t service{};           // empty = the record's
    std::vector<ScopeRule> hints;  // empty = callers are not asked
};

struct LocConf;

/// nexus_sigv4 [payload=buffer|unsigned|stream] [region=NAME] [service=NAME] [hints=REGION/SERVICE,...];
char *on_nexus_sigv4(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;

bool is_hint_allowed(const Sigv4Conf &conf, const sigv4::Scope &hint) noexcept;

/// What holds where nothing was said.
const Sigv4Conf &default_sigv4() noexcept;

}  // namespace nexus::edge
