// Secrets named in directives, as file:PATH or env:NAME.
#pragma once

#include <string>
#include <string_view>

#include "ngx_module/ngx/ngx.h"
#include "ngx_module/ngx/str.h"
#include "shared/crypto/keyring.h"

namespace nexus::edge {

/// Reads a secret. A relative path is meant from the configuration file's folder, as everywhere in nginx.
/// errors kInvalidKey (names the reference, never the content)
inline Result<Secret> read_secret_argument(ngx_conf_t *cf, std::string_view reference) {
    constexpr std::string_view kFile = "file:";
    if (!reference.starts_with(kFile)) {
        return crypto::read_secret_reference(reference);
    }
    ngx_str_t path = copy_to_pool(cf->pool, reference.substr(kFile.size()));
    if (path.data == nullptr || ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
        return fail(Errc::kInternal, "out of memory");
    }
    return crypto::read_secret_reference(std::string(kFile).append(to_view(path)));
}

}  // namespace nexus::edge
