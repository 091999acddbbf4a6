// The Huffman code of HPACK (RFC 7541 appendix B), decoding only: what we write ourselves is not compressed.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace nexus::http2 {

/// nullopt: padding that is no padding (RFC 7541 section 5.2), or the end-of-string symbol
std::optional<std::string> huffman_decode(std::string_view bytes);

}  // namespace nexus::http2
