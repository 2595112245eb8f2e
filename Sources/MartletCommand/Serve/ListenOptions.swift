import ArgumentParser
import MartletStack
import MartletTCP

/// How services take connections in, and what a flood of SYNs meets.
struct ListenOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Connections that may be half open, and that may wait to be accepted, for each service.",
      valueName: "count"),
    transform: { try Backlog(parsing: $0) })
  var backlog: Backlog?

  @Option(
    help: ArgumentHelp(
      "Connections that may be half open, where not as many as --backlog.", valueName: "count"),
    transform: { try Backlog(parsing: $0) })
  var halfOpen: Backlog?

  @Option(
    help: ArgumentHelp(
      "SYN cookies: off, auto (when too many are half open) or always.", valueName: "policy"),
    transform: { try SynCookiePolicy(parsing: $0) })
  var synCookies: SynCookiePolicy?

  @Option(
    help: ArgumentHelp("How often a SYN-ACK without answer is sent again, 0 to 15.", valueName: "count"),
    transform: { try SynAckTries(parsing: $0) })
  var synAckTries: SynAckTries?

  @Option(
    help: ArgumentHelp(
      "How long after the first, such as 500ms; each further wait is twice as long.", valueName: "time"),
    transform: { try SynAckWait(parsing: $0) })
  var synAckWait: SynAckWait?

  init() {}

  /// What a listener is to be told.
  func apply(to options: inout ListenerOptions) {
    if let backlog {
      options.halfOpenLimit = backlog.count
      options.acceptLimit = backlog.count
    }
    if let halfOpen { options.halfOpenLimit = halfOpen.count }
    if let synCookies { options.synCookies = synCookies }
  }

  /// What the stack is to be told.
  func apply(to configuration: inout StackConfiguration) {
    configuration.halfOpenLimit = max(configuration.halfOpenLimit, halfOpen?.count ?? backlog?.count ?? 0)
    if let synAckTries { configuration.tcp.synAckRetries = synAckTries.count }
    if let synAckWait { configuration.tcp.synAckInterval = synAckWait.time }
  }
}

/// The length of a queue, as it is typed.
package struct Backlog: Equatable, Sendable {
  package let count: UInt32

  package init(parsing text: String) throws(SpecificationError) {
    guard let count = UInt32(text), (1...1_000_000).contains(count) else {
      throw SpecificationError("\"\(text)\" is no length of a queue. Write a number from 1 to 1000000.")
    }
    self.count = count
  }
}

package struct SynAckTries: Equatable, Sendable {
  package let count: UInt8

  package init(parsing text: String) throws(SpecificationError) {
    guard let count = UInt8(text), count <= 15 else {
      throw SpecificationError("\"\(text)\" is no number of tries. Write one from 0 to 15.")
    }
    self.count = count
  }
}

package struct SynAckWait: Equatable, Sendable {
  package let time: TimeAmount

  package init(parsing text: String) throws(SpecificationError) {
    let time = try TimeAmount(parsing: text)
    guard time >= .milliseconds(10), time <= .seconds(60) else {
      throw SpecificationError("\"\(text)\" is no wait for a third segment. Write 10ms to 60s.")
    }
    self.time = time
  }
}

extension SynCookiePolicy {
  package init(parsing text: String) throws(SpecificationError) {
    guard let found = Self.allCases.first(where: { "\($0)" == text.lowercased() }) else {
      throw SpecificationError("\"\(text)\" is no policy. Choose off, auto or always.")
    }
    self = found
  }
}
