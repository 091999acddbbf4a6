// nexus_scrub_response: a provider that echoes the credential does not hand it to the caller. It is covered
// in the head of the answer and in the beginning of its body, with as many '*', so that lengths stay. What is
// looked for: shared/scrub/.
#pragma once

#include <string_view>

#include "ngx_module/access/access.h"
#include "ngx_module/ngx/ngx.h"

namespace nexus::edge {

/// nexus_scrub_response off | on [body=SIZE] [set_cookie=pass|drop];
struct ScrubConf {
    uint64_t body_bytes = 0;  // that are looked into; 0 = heads only
    bool drops_cookies = false;
};
char *on_nexus_scrub_response(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept;

/// In the access phase, when it is clear that the credential goes on. Where bodies are looked into, the
/// provider is not asked for compressed ones, nor for parts of them: takes Accept-Encoding, Range and
/// If-Range off the request. returns NGX_OK or NGX_ERROR
ngx_int_t prepare_scrubbing(const Access &access);

/// Before the request is sent: the secrets of the record that it is sent with, and not what else it holds
/// (shared/strategy/public_fields.h). Each attempt adds its own.
void look_for_secrets_of(ngx_http_request_t *r, const record::TokenView &record);
/// What was made of them: a Basic value, a signature.
void look_for(ngx_http_request_t *r, std::string_view secret);

/// Registers the filters; in postconfiguration.
void init_scrubbing() noexcept;

}  // namespace nexus::edge
