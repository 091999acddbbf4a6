// Where events are listened to: at a node that the others publish to. One that is cut off from them keeps its
// subscribers and answers their pings, so it is asked every now and then.
#include <algorithm>
#include <utility>

#include "ngx_module/ngx/guarded.h"
#include "ngx_module/redis/cluster/cluster_client.h"

namespace nexus::edge::redis {
namespace {

constexpr ngx_msec_t kCheckEveryMs = 2000;
constexpr ngx_msec_t kJitterMs = 200;

}  // namespace

/// The next one, of those that have slots and an address and hear the others.
ClusterClient::Member *ClusterClient::find_event_member(bool (*is_good)(const Member &)) noexcept {
    for (size_t i = 0; i < members_.size(); ++i) {
        Member &member = *members_[(next_event_server_ + i) % members_.size()];
        if (member.has_slots && !member.is_cut_off && member.address && is_good(member)) {
            return &member;
        }
    }
    return nullptr;
}

const Address *ClusterClient::next_event_server() noexcept {
    ++next_event_server_;
    if (members_.empty() || !has_table_) {
        const Address &seed = conf_.servers[next_event_server_ % conf_.servers.size()];
        listens_at(seed);
        return &seed;
    }
    const Member *found = find_event_member([](const Member &member) { return member.node.is_ready(); });
    if (found == nullptr) {
        found = find_event_member([](const Member &) { return true; });
    }
    if (found == nullptr) {
        use(*members_[next_event_server_ % members_.size()]);  // which has its name resolved
        return nullptr;
    }
    listens_at(*found->address);
    return &*found->address;
}

/// One that is cut off is left even where there is no other: without a subscription, nothing counts as
/// watched.
bool ClusterClient::is_event_server(const Address &address) const noexcept {
    return !has_table_ || std::any_of(members_.begin(), members_.end(), [&](const auto &member) {
        return member->has_slots && !member->is_cut_off && member->address && *member->address == address;
    });
}

void ClusterClient::listens_at(const Address &server) noexcept {
    guarded_event(log_, "a server to listen at", [&] { event_server_ = server.text; });
    check_timer_.arm(1);
}

void ClusterClient::check_event_server() noexcept {
    if (ngx_exiting) {
        return;
    }
    check_timer_.arm(kCheckEveryMs + static_cast<ngx_msec_t>(ngx_random()) % kJitterMs);
    const auto found = std::find_if(members_.begin(), members_.end(), [&](const auto &member) {
        return member->address && member->address->text == event_server_;
    });
    if (found == members_.end() || event_asked_ != nullptr) {
        return;
    }
    constexpr std::string_view kInfo[] = {"CLUSTER", "INFO"};
    use(**found);
    if ((*found)->node.send(kInfo, &event_info_command_)) {
        event_asked_ = found->get();
    }
}

void ClusterClient::on_event_server_info(const Answer &answer) noexcept {
    Member &member = *std::exchange(event_asked_, nullptr);
    on_info(member, answer);
    const bool knows_fewer = answer.status == ReplyStatus::kValue && !is_doubtful() &&
                             answer.text.find("cluster_slots_assigned:16384") == std::string_view::npos;
    if (member.says_fail || knows_fewer) {
        schedule_refresh();  // it may have forgotten the others, who have another table by now
    }
    if (member.is_cut_off) {
        tell_watcher();
    }
}

}  // namespace nexus::edge::redis
