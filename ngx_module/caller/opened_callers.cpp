// Keeping opened caller records.
#include "ngx_module/caller/opened_callers.h"

#include <cstring>
#include <utility>

namespace nexus::edge {

namespace {

/// Ids are SHA-256 in hexadecimal: three digits of one are as good as a hash of it.
size_t place_of(std::string_view id, size_t places) noexcept {
    size_t number = 0;
    for (const char digit : id.substr(0, 3)) {
        number = number * 16 + static_cast<unsigned char>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
    }
    return number % places;
}

}  // namespace

Result<std::shared_ptr<const OpenedCaller>> OpenedCaller::make(std::string_view id,
                                                               const cache::KeptRecord &record,
                                                               std::string_view payload) {
    const std::shared_ptr<OpenedCaller> made{new OpenedCaller};
    made->id_ = id;
    made->record_ = record;
    made->payload_.resize((payload.size() + sizeof(uint64_t) - 1) / sizeof(uint64_t));
    std::memcpy(made->payload_.data(), payload.data(), payload.size());

    Result<record::CallerView> view = record::CallerView::parse(
        record.header, {reinterpret_cast<const char *>(made->payload_.data()), payload.size()});
    if (!view) {
        return tl::unexpected(std::move(view).error());
    }
    made->view_ = *view;
    return made;
}

std::shared_ptr<const OpenedCaller> OpenedCallers::find(std::string_view id) const noexcept {
    const std::shared_ptr<const OpenedCaller> &kept = places_[place_of(id, kPlaces)];
    return kept != nullptr && kept->id() == id ? kept : nullptr;
}

void OpenedCallers::keep(std::shared_ptr<const OpenedCaller> caller) noexcept {
    if (caller->size() <= kMaxBytes) {
        const size_t place = place_of(caller->id(), kPlaces);
        places_[place] = std::move(caller);
    }
}

}  // namespace nexus::edge
