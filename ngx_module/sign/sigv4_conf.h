// nexus_sigv4: how a location signs for AWS, beside what the connection's record says.
#pragma once

#include <cstdint>

#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

enum class PayloadMode : uint8_t {
    kBuffer,    // the body's hash is signed
    kUnsigned,  // it is not: S3 over TLS only
};

struct Sigv4Conf {
    PayloadMode payload = PayloadMode::kBuffer;
    ngx_str_t region{};   // empty = the record's
    ngx_str_t service{};  // empty = the record's
};

struct LocConf;

/// nexus_sigv4 [payload=buffer|unsigned] [region=NAME] [service=NAME];
char *on_nexus_sigv4(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;

/// What holds where nothing was said.
const Sigv4Conf &default_sigv4() noexcept;

}  // namespace nexus::edge
