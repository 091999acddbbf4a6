// Finding the word, or saying which there are.
#include "ngx_module/ngx/word_slot.h"

#include <string>

#include "ngx_module/ngx/conf_args.h"
#include "ngx_module/ngx/guarded.h"
#include "ngx_module/ngx/str.h"

namespace nexus::edge {

namespace {

char kDuplicate[] = "is duplicate";

/// must be "off", "pass" or "on"
std::string must_be(const ngx_conf_enum_t *words) {
    std::string text{"must be "};
    for (const ngx_conf_enum_t *word = words; word->name.len != 0; ++word) {
        const bool is_last = word != words && word[1].name.len == 0;
        text += word == words ? "" : (is_last ? " or " : ", ");
        text += '"';
        text += to_view(word->name);
        text += '"';
    }
    return text;
}

}  // namespace

char *set_word_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf) noexcept {
    auto &field = *reinterpret_cast<ngx_uint_t *>(static_cast<char *>(conf) + cmd->offset);
    if (field != NGX_CONF_UNSET_UINT) {
        return kDuplicate;
    }
    const auto *words = static_cast<const ngx_conf_enum_t *>(cmd->post);
    const ngx_str_t &said = static_cast<const ngx_str_t *>(cf->args->elts)[1];
    for (const ngx_conf_enum_t *word = words; word->name.len != 0; ++word) {
        if (to_view(word->name) == to_view(said)) {
            field = word->value;
            return NGX_CONF_OK;
        }
    }
    return guarded_or<char *>(static_cast<char *>(NGX_CONF_ERROR), cf->log, "a directive",
                              [&] { return refuse_argument(cf, cmd, said, must_be(words)); });
}

}  // namespace nexus::edge
