// Parameters of directives: `name=value`, times, and refusals that carry the file and the line.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ngx_module/ngx/ngx.h"
#include "ngx_module/ngx/str.h"

namespace nexus::edge {

/// Refuses the configuration: logs `why` with directive, file and line. returns NGX_CONF_ERROR
inline char *refuse(ngx_conf_t *cf, const ngx_command_t *cmd, std::string_view why) noexcept {
    ngx_str_t text = to_ngx_str(why);
    ngx_str_t name = cmd->name;
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\": %V", &name, &text);
    return static_cast<char *>(NGX_CONF_ERROR);
}

/// The same of one argument: `takes` says what the directive does take.
inline char *refuse_argument(ngx_conf_t *cf, const ngx_command_t *cmd, const ngx_str_t &argument,
                             std::string_view takes) noexcept {
    ngx_str_t text = to_ngx_str(takes);
    ngx_str_t name = cmd->name;
    ngx_str_t said = argument;
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\": %V, not \"%V\"", &name, &text, &said);
    return static_cast<char *>(NGX_CONF_ERROR);
}

/// The value of `argument` if it is `name=value`.
inline std::optional<std::string_view> parameter(const ngx_str_t &argument, std::string_view name) noexcept {
    const std::string_view text = to_view(argument);
    if (text.size() <= name.size() || !text.starts_with(name) || text[name.size()] != '=') {
        return std::nullopt;
    }
    return text.substr(name.size() + 1);
}

/// "50ms", "5s", "1m30s" in milliseconds, within [least, most]; nullopt if it is no time or out of range.
inline std::optional<ngx_msec_t> parse_msec(std::string_view text, ngx_msec_t least,
                                            ngx_msec_t most) noexcept {
    ngx_str_t line = to_ngx_str(text);
    const ngx_int_t ms = text.empty() ? NGX_ERROR : ngx_parse_time(&line, 0);
    if (ms == NGX_ERROR || static_cast<ngx_msec_t>(ms) < least || static_cast<ngx_msec_t>(ms) > most) {
        return std::nullopt;
    }
    return static_cast<ngx_msec_t>(ms);
}

/// A value with variables, compiled. nullptr: the configuration is refused, and why was logged
inline ngx_http_complex_value_t *compile_value(ngx_conf_t *cf, std::string_view text) noexcept {
    auto *value =
        static_cast<ngx_http_complex_value_t *>(ngx_pcalloc(cf->pool, sizeof(ngx_http_complex_value_t)));
    ngx_str_t copy = copy_to_pool(cf->pool, text);
    ngx_http_compile_complex_value_t ccv{};
    ccv.cf = cf;
    ccv.value = &copy;
    ccv.complex_value = value;
    const bool is_compiled =
        value != nullptr && copy.data != nullptr && ngx_http_compile_complex_value(&ccv) == NGX_OK;
    return is_compiled ? value : nullptr;
}

}  // namespace nexus::edge
