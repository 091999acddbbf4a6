// The nodes and their slots: who is known, when CLUSTER SLOTS is asked, and what becomes of those who have
// gone.
#include <algorithm>
#include <utility>

#include "ngx_module/ngx/guarded.h"
#include "ngx_module/redis/cluster/cluster_client.h"
#include "shared/net/host_rule.h"

namespace nexus::edge::redis {
namespace {

constexpr size_t kMaxMembers = 256;
constexpr ngx_msec_t kRefreshPauseMs = 250;  // at least, between two tables
constexpr ngx_msec_t kRefreshEveryMs = 15'000;
constexpr ngx_msec_t kJitterMs = 50;

/// A configured server by the address that its name has.
resp::HostPort to_host_port(const Address &address) {
    const std::string_view host = std::string_view(address.text).substr(0, address.text.rfind(':'));
    const auto port = resp::parse_port(std::string_view(address.text).substr(host.size() + 1));
    return {std::string(net::without_brackets(host)), port.value_or(0)};
}

}  // namespace

ClusterClient::Member *ClusterClient::member_of(const Node &node) noexcept {
    const auto found = std::find_if(members_.begin(), members_.end(),
                                    [&](const auto &member) { return &member->node == &node; });
    return found == members_.end() ? nullptr : found->get();
}

ClusterClient::Member *ClusterClient::find_or_add(const resp::HostPort &server) {
    const auto found = std::find_if(members_.begin(), members_.end(),
                                    [&](const auto &member) { return member->server == server; });
    if (found != members_.end()) {
        return found->get();
    }
    if (members_.size() >= kMaxMembers) {
        if (!std::exchange(size_logged_, true)) {
            ngx_log_error(NGX_LOG_ERR, log_, 0, "nexus: Redis %s has more than %uz masters",
                          conf_.name.c_str(), kMaxMembers);
        }
        return nullptr;
    }
    members_.push_back(std::make_unique<Member>(*this, server));
    return members_.back().get();
}

ClusterClient::Member *ClusterClient::find_or_add(const Address &seed) {
    Member *member = find_or_add(to_host_port(seed));
    if (member != nullptr && !member->is_started) {
        member->address = seed;  // with the configured name, for its certificate
    }
    return member;
}

/// A node without a host is at the address of the one who says so.
resp::HostPort ClusterClient::complete(const resp::HostPort &announced, const Member &by) const {
    return announced.host.empty() ? resp::HostPort{by.server.host, announced.port} : announced;
}

/// Connects, once there is something to ask.
void ClusterClient::use(Member &member) noexcept {
    if (!std::exchange(member.is_started, true)) {
        member.node.start();
    }
}

const Address *ClusterClient::next_address(Node &node) noexcept {
    Member *member = member_of(node);
    if (member == nullptr) {
        return nullptr;
    }
    if (!member->address && !member->lookup.is_running()) {
        guarded_event(log_, "a node's name", [&] {
            member->lookup.start(member->server, [member](std::optional<Address> address) {
                member->address = std::move(address);
                if (member->address) {
                    member->node.connect_soon();
                }
            });
        });
    }
    return member->address ? &*member->address : nullptr;
}

/// Somebody to ask when nobody is known to have the slot: who is connected, or else the next configured
/// server.
ClusterClient::Member *ClusterClient::way_in() {
    const auto first = static_cast<size_t>(ngx_random());
    for (size_t i = 0; i < members_.size(); ++i) {
        Member &member = *members_[(first + i) % members_.size()];
        if (member.node.is_ready()) {
            return &member;
        }
    }
    return find_or_add(conf_.servers[next_seed_ % conf_.servers.size()]);
}

void ClusterClient::on_node_lost(Node &node) noexcept {
    Member *member = member_of(node);
    if (member == nullptr) {
        return;
    }
    if (member->is_named) {
        member->address.reset();  // the name may have moved
    }
    schedule_refresh();
}

bool ClusterClient::on_node_error(Node &, resp::ErrorKind kind) noexcept {
    if (kind == resp::ErrorKind::kMoved || kind == resp::ErrorKind::kClusterDown ||
        kind == resp::ErrorKind::kReadOnly) {
        schedule_refresh();
    }
    return kind != resp::ErrorKind::kReadOnly;
}

/// One table at a time, and a while between two: a failover moves thousands of slots at once.
void ClusterClient::schedule_refresh() noexcept {
    if (asked_ != nullptr || std::exchange(refresh_is_due_, true)) {
        return;
    }
    const auto since = ngx_current_msec - refreshed_at_;
    const ngx_msec_t pause = since < kRefreshPauseMs ? kRefreshPauseMs - since : 0;
    refresh_timer_.arm(pause + 1 + static_cast<ngx_msec_t>(ngx_random()) % kJitterMs);
}

void ClusterClient::refresh() noexcept {
    refresh_is_due_ = false;
    refreshed_at_ = ngx_current_msec;
    refresh_timer_.arm(kRefreshEveryMs + static_cast<ngx_msec_t>(ngx_random()) % (kRefreshEveryMs / 4));
    if (asked_ != nullptr || ngx_exiting) {
        return;
    }
    guarded_event(log_, "asking for slots", [&] {
        constexpr std::string_view kQuestion[] = {"CLUSTER", "SLOTS"};
        Member *member = way_in();
        if (member != nullptr) {
            use(*member);
        }
        if (member != nullptr && member->node.send(kQuestion, &slots_command_)) {
            asked_ = member;
            return;
        }
        ++next_seed_;
        schedule_refresh();
    });
}

void ClusterClient::on_slots(const Answer &answer) noexcept {
    const Member *told_by = std::exchange(asked_, nullptr);
    const bool applied = guarded_or<bool>(false, log_, "a table of slots", [&] {
        const auto ranges =
            answer.status == ReplyStatus::kArray ? resp::parse_slots(*answer.raw) : std::nullopt;
        if (ranges) {
            apply(*ranges, *told_by);
        }
        return ranges.has_value();
    });
    if (applied) {
        no_table_logged_ = false;
        tell_watcher();
        return;
    }
    if (answer.status != ReplyStatus::kUnavailable && !std::exchange(no_table_logged_, true)) {
        ngx_log_error(NGX_LOG_ERR, log_, 0, "nexus: Redis %s: %s gave no table of slots", conf_.name.c_str(),
                      told_by->node.address().text.c_str());
    }
    ++next_seed_;
    schedule_refresh();
}

void ClusterClient::apply(const std::vector<resp::SlotRange> &ranges, const Member &told_by) {
    slots_.fill(nullptr);
    for (const auto &member : members_) {
        member->has_slots = false;
    }
    for (const resp::SlotRange &range : ranges) {
        Member *master = find_or_add(complete(range.master, told_by));
        if (master != nullptr) {
            master->has_slots = true;
            std::fill(slots_.begin() + range.first, slots_.begin() + range.last + 1, master);
        }
    }
    retire_those_without_slots();
    has_table_ = true;
}

void ClusterClient::retire_those_without_slots() {
    retired_.reserve(retired_.size() + members_.size());
    const auto leaving = std::stable_partition(members_.begin(), members_.end(),
                                               [](const auto &member) { return member->has_slots; });
    std::move(leaving, members_.end(), std::back_inserter(retired_));
    members_.erase(leaving, members_.end());
    if (!retired_.empty()) {
        removal_.post();
    }
}

void ClusterClient::remove_retired() noexcept {
    // What fails here may send again, which is not the business of these any more.
    const auto leaving = std::exchange(retired_, {});
    for (const auto &member : leaving) {
        member->node.stop();
    }
}

const Address *ClusterClient::next_event_server() noexcept {
    if (members_.empty() || !has_table_) {
        return &conf_.servers[next_seed_ % conf_.servers.size()];
    }
    const size_t first = next_event_server_++;
    const Address *known = nullptr;
    for (size_t i = 0; i < members_.size(); ++i) {
        const Member &member = *members_[(first + i) % members_.size()];
        if (member.address && member.node.is_ready()) {
            return &*member.address;
        }
        known = known == nullptr && member.address ? &*member.address : known;
    }
    if (known == nullptr) {
        use(*members_[first % members_.size()]);  // which has its name resolved
    }
    return known;
}

bool ClusterClient::is_event_server(const Address &address) const noexcept {
    return !has_table_ || std::any_of(members_.begin(), members_.end(), [&](const auto &member) {
        return member->address && *member->address == address;
    });
}

}  // namespace nexus::edge::redis
