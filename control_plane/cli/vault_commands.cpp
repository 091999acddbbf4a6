// nexusctl keys: what each key of the vault still seals, and rotation. All state is the control plane's: a
// command that was stopped is simply given again.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

#include "control_plane/cli/commands.h"
#include "control_plane/cli/print.h"

namespace nexus::control::cli {

namespace {

constexpr int kMaxPasses = 3;  // a nexusd that has the old key as its current one may write meanwhile
constexpr int kMaxFailures = 5;
using Clock = std::chrono::steady_clock;

std::string removable(const json::Value &key) {
    return text(key, "role") != "previous" ? "" : key.get("removable").as_boolean() ? "yes" : "no";
}

class Rotation {
public:
    Rotation(const Client &client, const RotateOptions &options) : client_(client), options_(options) {}

    /// returns the exit code
    int run(const Output &output) {
        for (int pass = 0; pass < kMaxPasses; ++pass) {
            std::optional<json::Value> keys = expect(client_.call("GET", "/admin/vault/keys"), "left");
            if (!keys) {
                return 1;
            }
            left_ = keys->get("left").as_integer();
            if (left_ == 0 || left_ == unreadable_) {
                break;
            }
            if (!run_pass()) {
                return 1;
            }
        }
        return finish(output);
    }

private:
    bool run_pass() {
        unreadable_ = 0;
        std::string cursor;
        do {
            std::optional<json::Value> batch = next_batch(cursor);
            if (!batch) {
                return false;
            }
            const int64_t resealed = batch->get("resealed").as_integer();
            done_ += resealed;
            left_ -= resealed;
            name_unreadable(batch->get("unreadable"));
            cursor = text(*batch, "cursor");
            show_progress();
            keep_rate();
        } while (!cursor.empty());
        return true;
    }

    // The control plane may be restarted underneath; a batch that failed has changed nothing, or only what
    // need not be done again.
    std::optional<json::Value> next_batch(const std::string &cursor) {
        json::Value body = json::Value::object();
        body.set("limit", static_cast<int64_t>(options_.batch));
        if (!cursor.empty()) {
            body.set("cursor", cursor);
        }
        for (int failures = 1;; ++failures) {
            Result<Client::Answer> answer = client_.call("POST", "/admin/vault/rotate", &body);
            const bool may_pass = !answer || answer->status >= 500;
            if (!may_pass || failures == kMaxFailures) {
                return expect(answer);
            }
            std::this_thread::sleep_for(std::chrono::milliseconds{250} * failures);
        }
    }

    void name_unreadable(const json::Value &boxes) {
        for (size_t i = 0; i < boxes.size(); ++i) {
            json::Value box = boxes.at(i);
            problem(text(box, "kind") + " of " + text(box, "id") +
                    " cannot be opened: " + text(box, "reason"));
            ++unreadable_;
        }
    }

    void show_progress() {
        const auto now = Clock::now();
        if (options_.quiet || now < next_progress_) {
            return;
        }
        next_progress_ = now + std::chrono::seconds{1};
        std::fprintf(stderr, "%lld done, %lld left, %.0f/s\n", static_cast<long long>(done_),
                     static_cast<long long>(std::max<int64_t>(left_, 0)), rate());
    }

    void keep_rate() {
        if (options_.rate > 0) {
            const std::chrono::duration<double> due{static_cast<double>(done_) / options_.rate};
            std::this_thread::sleep_until(began_ + std::chrono::duration_cast<Clock::duration>(due));
        }
    }

    double rate() const {
        const double seconds = std::chrono::duration<double>(Clock::now() - began_).count();
        return seconds > 0 ? static_cast<double>(done_) / seconds : 0;
    }

    int finish(const Output &output) const {
        const double seconds = std::chrono::duration<double>(Clock::now() - began_).count();
        if (output.json) {
            json::Value out = json::Value::object();
            out.set("resealed", done_)
                .set("unreadable", unreadable_)
                .set("left", left_)
                .set("milliseconds", static_cast<int64_t>(seconds * 1000));
            print_json(out);
        } else {
            std::printf("resealed %lld in %.1f s (%.0f/s); %lld left\n", static_cast<long long>(done_),
                        seconds, rate(), static_cast<long long>(left_));
        }
        return left_ == 0 ? 0 : 1;
    }

    const Client &client_;
    const RotateOptions &options_;
    const Clock::time_point began_ = Clock::now();
    Clock::time_point next_progress_ = began_;
    int64_t done_ = 0;
    int64_t left_ = 0;
    int64_t unreadable_ = 0;
};

}  // namespace

int keys_status(const Client &client, const Output &output) {
    std::optional<json::Value> status = expect(client.call("GET", "/admin/vault/keys"));
    if (!status) {
        return 1;
    }
    if (output.json) {
        print_json(*status);
        return 0;
    }
    std::vector<std::vector<std::string>> rows;
    json::Value keys = status->get("keys");
    for (size_t i = 0; i < keys.size(); ++i) {
        json::Value key = keys.at(i);
        auto number = [&](const char *kind) { return std::to_string(key.get(kind).as_integer()); };
        rows.push_back({text(key, "id").empty() ? "(not recorded)" : text(key, "id"), text(key, "role"),
                        number("credentials"), number("client_secrets"), number("code_verifiers"),
                        number("installation"), removable(key)});
    }
    print_table(
        {"KEY", "ROLE", "CREDENTIALS", "CLIENT SECRETS", "CODE VERIFIERS", "INSTALLATION", "REMOVABLE"},
        rows);
    return 0;
}

int keys_rotate(const Client &client, const Output &output, const RotateOptions &options) {
    return Rotation(client, options).run(output);
}

}  // namespace nexus::control::cli
