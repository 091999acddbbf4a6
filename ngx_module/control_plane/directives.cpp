// The directives nexus_control_plane and nexus_control_plane_key.
#include <string>
#include <string_view>
#include <utility>

#include "ngx_module/control_plane/control_plane.h"
#include "ngx_module/ngx/conf_args.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/pool_ptr.h"
#include "ngx_module/ngx/secret_arg.h"

namespace nexus::edge {
namespace {

constexpr ngx_msec_t kDefaultTimeout = 10'000;
constexpr ngx_msec_t kMaxTimeout = 120'000;
constexpr size_t kMinKeyBytes = 32;  // as of EDGE_KEY

}  // namespace

std::string_view control_plane_key(const ngx_http_request_t *r) noexcept {
    const ControlPlaneKeyConf *conf = srv_conf(r)->control_plane_key;
    return conf == nullptr ? std::string_view() : conf->key.view();
}

char *on_nexus_control_plane(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept {
    auto *scf = static_cast<SrvConf *>(conf);
    return guarded_or<char *>(
        static_cast<char *>(NGX_CONF_ERROR), cf->log, "nexus_control_plane", [&]() -> char * {
            if (scf->control_plane != NGX_CONF_UNSET_PTR) {
                static char duplicate[] = "is duplicate";
                return duplicate;
            }
            const auto *arguments = static_cast<const ngx_str_t *>(cf->args->elts);
            std::string_view uri = to_view(arguments[1]);
            if (!uri.starts_with('/') || uri.find_first_of("?#$ ") != std::string_view::npos) {
                return refuse(cf, cmd, "the URI must name an internal location, e.g. /_nexus");
            }
            while (uri.ends_with('/')) {
                uri.remove_suffix(1);
            }

            PoolPtr<ControlPlaneConf> control_plane = PoolPtr<ControlPlaneConf>::make(cf->pool);
            if (!control_plane) {
                return static_cast<char *>(NGX_CONF_ERROR);
            }
            control_plane->uri = uri;
            control_plane->timeout = kDefaultTimeout;
            if (cf->args->nelts == 3) {
                const auto value = parameter(arguments[2], "timeout");
                if (!value) {
                    return refuse(cf, cmd,
                                  "invalid parameter \"" + std::string(to_view(arguments[2])) + "\"");
                }
                const auto ms = parse_msec(*value, 1, kMaxTimeout);
                if (!ms) {
                    return refuse(cf, cmd, "timeout must be a time from 1ms to 120s");
                }
                control_plane->timeout = *ms;
            }
            scf->control_plane = control_plane.get();
            return NGX_CONF_OK;
        });
}

char *on_nexus_control_plane_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept {
    auto *scf = static_cast<SrvConf *>(conf);
    return guarded_or<char *>(
        static_cast<char *>(NGX_CONF_ERROR), cf->log, "nexus_control_plane_key", [&]() -> char * {
            if (scf->control_plane_key != NGX_CONF_UNSET_PTR) {
                static char duplicate[] = "is duplicate";
                return duplicate;
            }
            const auto *arguments = static_cast<const ngx_str_t *>(cf->args->elts);
            auto key = read_secret_argument(cf, to_view(arguments[1]));
            if (!key) {
                return refuse(cf, cmd, key.error().message);
            }
            if (key->size() < kMinKeyBytes) {
                return refuse(cf, cmd,
                              std::string(to_view(arguments[1])) +
                                  ": a key of the control plane has at least 32 characters");
            }
            for (const char c : key->view()) {
                if (c <= ' ' || c > '~') {
                    return refuse(cf, cmd, "the key must be visible ASCII characters without blanks");
                }
            }
            PoolPtr<ControlPlaneKeyConf> kept =
                PoolPtr<ControlPlaneKeyConf>::make(cf->pool, ControlPlaneKeyConf{std::move(*key)});
            if (!kept) {
                return static_cast<char *>(NGX_CONF_ERROR);
            }
            scf->control_plane_key = kept.get();
            return NGX_CONF_OK;
        });
}

}  // namespace nexus::edge
