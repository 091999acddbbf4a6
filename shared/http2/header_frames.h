// Edits a request's header section as nginx's gRPC module has serialised it: connection preface, SETTINGS,
// WINDOW_UPDATE, HEADERS and CONTINUATION frames (RFC 9113), the fields in HPACK (RFC 7541). The counterpart
// of http1/header_block.h. Only what such a module writes is understood; all else is refused, because a
// credential goes out with it.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/http1/header_block.h"
#include "shared/http2/hpack.h"
#include "shared/result.h"

namespace nexus::http2 {

class HeaderFrames {
public:
    HeaderFrames(HeaderFrames &&) = default;  // views into `joined_` stay valid, which a copy's would not
    HeaderFrames &operator=(HeaderFrames &&) = default;

    /// Takes the frames apart; `bytes` must outlive the object.
    /// errors kInvalidRequest (no header section, a frame of another kind behind it, padding, priorities, a
    ///        field that refers to the dynamic table)
    static Result<HeaderFrames> parse(std::string_view bytes);

    /// Values of all fields of that name. errors kInvalidRequest (a compressed string is malformed)
    Result<std::vector<std::string>> find_all(std::string_view name) const;

    /// Is there a field whose name (lower case) `fits`?
    template <class Predicate>
    bool has_name(Predicate fits) const {
        return std::ranges::any_of(fields_, fits, &Field::name);
    }

    struct Edit {
        std::span<const http1::HeaderLine> set;    // every field of that name goes, this one comes
        std::span<const std::string_view> remove;  // names (any case) whose fields go
    };

    /// Upper bound of what `write` produces, for one allocation.
    size_t size_bound(const Edit &edit) const;

    /// Writes the edited frames to `out` (at least size_bound). What is set is written as "never indexed"
    /// (RFC 7541 section 7.1.3): no table of the peer, or of a hop behind it, keeps it.
    /// returns bytes written. errors kInvalidRequest: a name that is no token, or a value with control
    /// characters or with blanks around it
    Result<size_t> write(const Edit &edit, std::span<char> out) const;

private:
    HeaderFrames() = default;

    Result<void> take_frames(std::string_view bytes);
    Result<void> take_fields();
    bool is_kept(const Field &field, const Edit &edit) const;
    size_t block_size(const Edit &edit) const;

    std::string_view before_;   // what stands before the HEADERS frame
    uint8_t flags_ = 0;         // of the HEADERS frame, without END_HEADERS
    std::string_view block_;    // of HPACK
    std::vector<char> joined_;  // the block, if it came in several frames
    std::vector<Field> fields_;
};

}  // namespace nexus::http2
