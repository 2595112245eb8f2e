import MartletTCP
import MartletTrace

/// The kernel's state at one moment: what the segments show, and what `ss` said.
package struct StateCheck: Equatable, Sendable {
  /// Since the first segment.
  package let time: TimeAmount
  package let inferred: TCPState?
  /// Nil: `ss` could not be asked, or knows no such connection.
  package let told: TCPState?

  package init(time: TimeAmount, inferred: TCPState?, told: TCPState?) {
    self.time = time
    self.inferred = inferred
    self.told = told
  }

  package var agrees: Bool { inferred == told }

  var text: String {
    let inferred = inferred?.text(.rfc) ?? "unknown"
    let column = inferred + String(repeating: " ", count: max(14 - inferred.count, 1))
    guard let told else { return "\(time.secondsText) s  \(column)ss knows nothing of it" }
    return "\(time.secondsText) s  \(column)ss: \(told.text(.ss))" + (agrees ? "" : "  They differ!")
  }

  var object: JSONObject {
    var object = JSONObject()
    object.add("type", "kernel_state")
    object.add("nanoseconds", UInt64(clamping: time.nanoseconds))
    object.add("inferred", inferred?.text(.rfc) ?? "")
    object.add("ss", told?.text(.rfc) ?? "")
    object.add("agrees", agrees)
    return object
  }

  /// The state of the connection from `local` in what `ss -tan` printed: state, queues, both ends.
  package static func state(of local: String, in output: String) -> TCPState? {
    for line in output.split(separator: "\n") {
      let words = line.split(separator: " ", omittingEmptySubsequences: true)
      if words.count >= 5, words[3] == local { return TCPState(spelling: String(words[0])) }
    }
    return nil
  }
}
