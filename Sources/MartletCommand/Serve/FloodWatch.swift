import Martlet
import MartletStack
import MartletTCP
import MartletTrace

/// Warns of floods of SYNs, and says when they are over.
struct FloodWatch {
  private let journal: Journal
  /// Floods that were warned of, as they were when last looked at.
  private var reports: [ListenerID: SynFloodReport] = [:]
  private var nextLook = Instant.origin

  init(_ journal: Journal) {
    self.journal = journal
  }

  /// When `look` has something to do.
  var nextDue: Instant? { reports.isEmpty ? nil : nextLook }

  /// A listener is under a flood.
  mutating func warn(_ id: ListenerID, _ stack: borrowing NetworkStack, _ now: Instant) {
    guard let report = try? stack.synFlood(id, now: now) else { return }
    reports[id] = report
    nextLook = now.advanced(by: .seconds(1))
    journal.tell(.warning, "syn_flood", Self.warning(report, now)) {
      $0.add(report)
      $0.add("nanoseconds", UInt64(clamping: now.since(report.since).nanoseconds))
    }
  }

  /// `SYN flood on *:80: 52000 SYN/s from about 48000 addresses; 128 half open; …`
  private static func warning(_ report: SynFloodReport, _ now: Instant) -> String {
    "SYN flood on \(report.local.text): \(report.synsPerSecond) SYN/s from about \(report.distinctSources) "
      + "addresses, since \(now.since(report.since).secondsText) s; \(report.halfOpen) half open; "
      + "\(report.cookiesSent) cookies sent, \(report.cookiesReturned) returned."
  }

  /// Says which floods are over.
  mutating func look(_ stack: borrowing NetworkStack, _ now: Instant) {
    guard !reports.isEmpty, nextLook <= now else { return }
    nextLook = now.advanced(by: .seconds(1))
    for (id, last) in reports {
      if let report = try? stack.synFlood(id, now: now) {
        reports[id] = report
        continue
      }
      reports[id] = nil
      journal.tell(
        .warning, "syn_flood_over", "No SYN flood on \(last.local.text) any more: \(last.syns) SYNs in all."
      ) { $0.add(last) }
    }
  }
}

extension JSONObject {
  fileprivate mutating func add(_ report: SynFloodReport) {
    add("listener", report.local.text)
    add("syns_per_second", UInt64(report.synsPerSecond))
    add("syns", report.syns)
    add("half_open", UInt64(report.halfOpen))
    add("distinct_sources", report.distinctSources)
    add("cookies_sent", report.cookiesSent)
    add("cookies_returned", report.cookiesReturned)
  }
}
