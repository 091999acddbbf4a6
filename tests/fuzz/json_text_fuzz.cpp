// Strings in JSON as the edge writes them: a parser of RFC 8259 reads back what went in, and nothing is
// written beyond the memory that was given.
#include <jansson.h>
#include <memory>
#include <string>

#include "ngx_module/answer/json_text.h"
#include "shared/encoding/utf8.h"
#include "tests/fuzz/fuzz.h"

namespace nexus::edge {
namespace {

using fuzz::require;

void write(JsonText &json, std::string_view text) {
    json.open_array().string(text).open_object();
    if (encoding::is_utf8(text)) {
        json.name(text).boolean(true);
    }
    json.close_object().string(text).close_array();
}

void round_trip(std::string_view text) {
    JsonText measured({});
    write(measured, text);
    std::string out(measured.size() + 1, '#');
    JsonText json(std::span<char>(out).first(measured.size()));
    write(json, text);
    require(json.fits() && json.size() == measured.size() && out.back() == '#');

    const std::unique_ptr<json_t, decltype(&json_decref)> read{
        json_loadb(out.data(), json.size(), JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, nullptr), json_decref};
    if (text.find('\0') != std::string_view::npos && read == nullptr) {
        return;  // jansson has no names with NUL
    }
    require(read != nullptr && json_array_size(read.get()) == 3);
    const json_t *value = json_array_get(read.get(), 0);
    if (!encoding::is_utf8(text)) {
        require(json_is_null(value));
        return;
    }
    require(std::string_view(json_string_value(value), json_string_length(value)) == text);
    require(json_object_size(json_array_get(read.get(), 1)) == 1);
}

}  // namespace
}  // namespace nexus::edge

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    nexus::edge::round_trip(nexus::fuzz::as_text(data, size));
    return 0;
}
