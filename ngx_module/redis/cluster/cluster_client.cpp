// Routing: where a command goes, and where it goes next. How the table is kept is in cluster_table.cpp.
#include "ngx_module/redis/cluster/cluster_client.h"

#include <algorithm>

#include "ngx_module/ngx/guarded.h"
#include "shared/resp/encode.h"

namespace nexus::edge::redis {
namespace {

constexpr int kMaxRedirects = 4;

}  // namespace

ClusterClient::Member::Member(ClusterClient &client, resp::HostPort announced)
    : server(std::move(announced)),
      lookup(client.conf_, client.log_),
      node(client.conf_, client.log_, client) {
    address = make_address(server.host, server.port);
    is_named = !address;
}

ClusterClient::ClusterClient(const RedisConf &conf, ngx_log_t *log)
    : conf_(conf),
      log_(log),
      next_seed_(static_cast<size_t>(ngx_random()) % conf.servers.size()),
      next_to_ask_(next_seed_),
      refresh_timer_(log, this, [](void *self) noexcept { static_cast<ClusterClient *>(self)->refresh(); }),
      removal_(log, this, [](void *self) noexcept { static_cast<ClusterClient *>(self)->remove_retired(); }),
      next_event_server_(next_seed_),
      check_timer_(log, this,
                   [](void *self) noexcept { static_cast<ClusterClient *>(self)->check_event_server(); }) {
    refresh_timer_.set_cancelable(true);
    check_timer_.set_cancelable(true);
    info_command_.data = slots_command_.data = event_info_command_.data = this;
    info_command_.on_reply = [](Command *command, const Answer &answer) noexcept {
        auto *self = static_cast<ClusterClient *>(command->data);
        self->on_info(*self->asked_, answer);
    };
    event_info_command_.on_reply = [](Command *command, const Answer &answer) noexcept {
        static_cast<ClusterClient *>(command->data)->on_event_server_info(answer);
    };
    slots_command_.on_reply = [](Command *command, const Answer &answer) noexcept {
        static_cast<ClusterClient *>(command->data)->on_slots(answer);
    };
}

ClusterClient::~ClusterClient() = default;

void ClusterClient::start() noexcept {
    refresh();
}

ClusterClient::Routed *ClusterClient::take_routed() {
    if (free_routed_.empty()) {
        routed_.push_back(std::make_unique<Routed>());
        Routed *made = routed_.back().get();
        made->client = this;
        made->own.data = made;
        made->own.on_reply = [](Command *command, const Answer &answer) noexcept {
            auto *routed = static_cast<Routed *>(command->data);
            routed->client->on_answer(*routed, answer);
        };
        free_routed_.reserve(routed_.capacity());  // so that giving back cannot fail
        return made;
    }
    Routed *routed = free_routed_.back();
    free_routed_.pop_back();
    return routed;
}

void ClusterClient::give_back(Routed *routed) noexcept {
    constexpr size_t kKeptBytes = size_t{16} * 1024;
    routed->user = nullptr;
    routed->member = nullptr;
    routed->redirects = 0;
    routed->encoded.clear();
    if (routed->encoded.capacity() > kKeptBytes) {
        routed->encoded = {};
    }
    free_routed_.push_back(routed);
}

bool ClusterClient::send(std::string_view key, Arguments arguments, Command *command) noexcept {
    return guarded_or<bool>(false, log_, "a Redis command", [&] {
        Member *member = slots_[resp::slot_of(key)];
        if (member == nullptr) {
            member = way_in();  // any node knows whom to ask
        }
        if (member == nullptr) {
            return false;
        }
        Routed *routed = take_routed();
        routed->user = command;
        routed->deadline = ngx_current_msec + conf_.timeout;
        bool sent = false;
        try {
            resp::append_command(routed->encoded, arguments);
            sent = send_to(*member, *routed);
        } catch (...) {
            give_back(routed);
            throw;
        }
        if (!sent) {
            give_back(routed);
            schedule_refresh();
            return false;
        }
        if (command != nullptr) {
            command->route = routed;
        }
        return true;
    });
}

bool ClusterClient::send_to(Member &member, Routed &routed) noexcept {
    use(member);
    routed.member = &member;
    return member.node.send_encoded(routed.encoded, &routed.own, routed.deadline);
}

void ClusterClient::cancel(Command *command) noexcept {
    auto *routed = static_cast<Routed *>(command->route);
    if (routed == nullptr) {
        return;
    }
    command->route = nullptr;
    routed->member->node.cancel(&routed->own);
    give_back(routed);
}

void ClusterClient::on_answer(Routed &routed, const Answer &answer) noexcept {
    Answer told = answer;
    if (answer.status == ReplyStatus::kError) {
        const resp::ErrorKind kind = resp::kind_of_error(answer.detail);
        const bool is_redirect = kind == resp::ErrorKind::kMoved || kind == resp::ErrorKind::kAsk;
        if (is_redirect && guarded_or<bool>(false, log_, "a redirect",
                                            [&] { return redirect(routed, kind, answer.detail); })) {
            return;
        }
        if (kind != resp::ErrorKind::kCommand) {
            told = {};  // the cluster's own affairs
        }
    }
    Command *user = routed.user;
    give_back(&routed);
    if (user != nullptr) {
        user->route = nullptr;
        user->on_reply(user, told);
    }
}

bool ClusterClient::redirect(Routed &routed, resp::ErrorKind kind, std::string_view error) {
    const auto redirect = resp::parse_redirect(error);
    if (!redirect || ++routed.redirects > kMaxRedirects) {
        return false;
    }
    Member *target = find_or_add(redirect->target, *routed.member);
    if (target == nullptr) {
        return false;
    }
    if (kind == resp::ErrorKind::kMoved) {
        slots_[redirect->slot] = target;
        target->has_slots = true;
    } else {
        use(*target);
        constexpr std::string_view kAsking[] = {"ASKING"};
        if (!target->node.send(kAsking, nullptr)) {
            return false;
        }
    }
    return send_to(*target, routed);
}

}  // namespace nexus::edge::redis
