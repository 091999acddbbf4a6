// `traceparent` as anybody may send it.
#include "ngx_module/trace/trace_parent.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    using namespace nexus;
    const std::string_view text = fuzz::as_text(data, size);
    if (edge::is_trace_parent(text)) {
        const std::string_view id = edge::trace_id_of(text);
        fuzz::require(id.size() == 32 && id.find_first_not_of("0123456789abcdef") == std::string_view::npos);
        fuzz::require(id.find_first_not_of('0') != std::string_view::npos);
    }
    if (size >= edge::kTraceRandomBytes) {
        const auto made = edge::make_trace_parent(
            std::span<const unsigned char, edge::kTraceRandomBytes>(data, edge::kTraceRandomBytes));
        fuzz::require(edge::is_trace_parent({made.data(), made.size()}));
    }
    return 0;
}
