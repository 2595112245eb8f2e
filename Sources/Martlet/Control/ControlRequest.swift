import MartletStack
import MartletTCP
import MartletTrace

/// One line of the control protocol (Documentation/ControlSocket.md).
package enum ControlRequest: Sendable {
  case help
  case version
  case connections(FlowFilter)
  case listeners(FlowFilter)
  case datagrams(FlowFilter)
  case counters
  case memory
  case limits
  case records(since: UInt64?, follows: Bool, Language)
  case capture(LiveCapture.Terms)
  case trace(FlowFilter, Language)
  case reset(FlowFilter)
  case set(StackLimit, UInt64)
  case setListener(FlowFilter, ListenerChange)

  /// What may be changed of listeners.
  package enum ListenerChange: Equatable, Sendable {
    case halfOpen(UInt32)
    case accept(UInt32)
    case connections(UInt32)
    case synCookies(SynCookiePolicy)
  }

  /// - Throws: `ControlError.refused`, which says what to write.
  package init(parsing line: String) throws(ControlError) {
    let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
    guard let verb = words.first?.lowercased() else {
      throw .refused("The request is empty. Write \"help\" for what there is.")
    }
    let rest = Array(words.dropFirst())
    switch verb {
    case "help", "version", "counters", "memory", "limits":
      guard rest.isEmpty else { throw .refused("\"\(verb)\" stands alone. Leave out \"\(rest[0])\".") }
      self = Self.plain(verb)
    case "connections": self = .connections(try Self.filter(rest))
    case "listeners": self = .listeners(try Self.filter(rest))
    case "datagrams": self = .datagrams(try Self.filter(rest))
    case "records": self = try Self.records(rest)
    case "capture": self = .capture(try Self.capture(rest))
    case "trace": self = try Self.trace(rest)
    case "reset": self = try Self.reset(rest)
    case "set": self = try Self.set(rest)
    default:
      throw .refused("There is no request \"\(verb.prefix(40))\". Write \"help\" for what there is.")
    }
  }

  /// What `help` answers, a line each.
  package static let manual = [
    "help", "version", "connections [FILTER]", "listeners [FILTER]", "datagrams [FILTER]", "counters",
    "memory", "limits", "records [since N] [follow] [lang en|zh]",
    "capture [snaplen OCTETS] [count PACKETS] [reasons] [FILTER]", "trace [lang en|zh] [FILTER]",
    "reset FILTER",
    "set connections|half-open|time-wait|memory-budget|recorder VALUE",
    "set listener ADDRESS:PORT half-open|accept|connections|syn-cookies VALUE",
  ]

  private static func plain(_ verb: String) -> ControlRequest {
    switch verb {
    case "version": .version
    case "counters": .counters
    case "memory": .memory
    case "limits": .limits
    default: .help
    }
  }

  private static func filter(_ words: some Sequence<String>) throws(ControlError) -> FlowFilter {
    do throws(FilterError) {
      return try FlowFilter(parsing: words.joined(separator: " "))
    } catch {
      throw .refused(error.description)
    }
  }

  private static func records(_ words: [String]) throws(ControlError) -> ControlRequest {
    var rest = words[...]
    var since: UInt64?
    var follows = false
    var language = Language.english
    while let word = rest.popFirst()?.lowercased() {
      switch word {
      case "follow": follows = true
      case "since":
        guard let number = rest.popFirst().flatMap({ UInt64($0) }) else {
          throw .refused("Since which record? Write \"records since 0\".")
        }
        since = number
      case "lang": language = try Self.language(rest.popFirst())
      default: throw .refused("\"records\" has no \"\(word)\". Write \"records since 0 follow\".")
      }
    }
    return .records(since: since, follows: follows, language)
  }

  private static func language(_ tag: String?) throws(ControlError) -> Language {
    guard let language = tag.flatMap({ Language(tag: $0) }) else {
      throw .refused("In which language? Write \"lang en\" or \"lang zh\".")
    }
    return language
  }

  private static func trace(_ words: [String]) throws(ControlError) -> ControlRequest {
    var rest = words[...]
    var language = Language.english
    if rest.first?.lowercased() == "lang" {
      rest.removeFirst()
      language = try Self.language(rest.popFirst())
    }
    let filter = try filter(rest)
    guard filter.states == nil else {
      throw .refused("A trace shows states as they change. Choose by src, dst, sport, dport, host or port.")
    }
    return .trace(filter, language)
  }

  private static func capture(_ words: [String]) throws(ControlError) -> LiveCapture.Terms {
    var terms = LiveCapture.Terms()
    var rest = words[...]
    while let word = rest.first?.lowercased(), ["snaplen", "count", "reasons"].contains(word) {
      rest.removeFirst()
      if word == "reasons" {
        terms.explains = true
        continue
      }
      guard let number = rest.popFirst().flatMap({ UInt32($0) }), number > 0 else {
        throw .refused("How many? Write \"capture \(word) 96\".")
      }
      if word == "count" { terms.count = UInt64(number) } else { terms.snapLength = number }
    }
    terms.filter = try filter(rest)
    guard terms.filter.states == nil else {
      throw .refused(
        "A packet has no state. Capture by host, port, src, dst, sport, dport, tcp, udp or icmp.")
    }
    return terms
  }

  private static func reset(_ words: [String]) throws(ControlError) -> ControlRequest {
    let filter = try filter(words)
    guard filter != FlowFilter() else {
      throw .refused(
        "Which? Write \"reset dst 10.7.0.2:40112\", or \"reset state all\" for every connection.")
    }
    return .reset(filter)
  }

  private static func set(_ words: [String]) throws(ControlError) -> ControlRequest {
    if words.first?.lowercased() == "listener" { return try setListener(Array(words.dropFirst())) }
    guard words.count == 2, let value = amount(words[1]) else {
      throw .refused("Set what to what? Write \"set half-open 4096\" or \"set memory-budget 64MiB\".")
    }
    let names: [String: StackLimit] = [
      "connections": .connections, "half-open": .halfOpen, "time-wait": .timeWait,
      "memory-budget": .memoryBudget, "recorder": .recorder,
    ]
    guard let limit = names[words[0].lowercased()] else {
      throw .refused(
        "\"\(words[0])\" cannot be set. Choose connections, half-open, time-wait, memory-budget, recorder, or listener."
      )
    }
    return .set(limit, value)
  }

  private static func setListener(_ words: [String]) throws(ControlError) -> ControlRequest {
    guard words.count == 3 else {
      throw .refused("Set what of which listener? Write \"set listener :80 half-open 4096\".")
    }
    let place = try filter(["src", words[0]])
    let number = UInt32(words[2])
    switch (words[1].lowercased(), number) {
    case ("half-open", let number?) where number > 0: return .setListener(place, .halfOpen(number))
    case ("accept", let number?) where number > 0: return .setListener(place, .accept(number))
    case ("connections", let number?): return .setListener(place, .connections(number))
    case ("syn-cookies", _):
      guard let policy = SynCookiePolicy.allCases.first(where: { "\($0)" == words[2].lowercased() }) else {
        throw .refused("\"\(words[2])\" is no policy. Choose off, auto or always.")
      }
      return .setListener(place, .synCookies(policy))
    case ("half-open", _), ("accept", _), ("connections", _):
      throw .refused("\"\(words[2])\" is no number for \(words[1]). Write one from 1 to 4294967295.")
    default:
      throw .refused(
        "\"\(words[1])\" of a listener cannot be set. Choose half-open, accept, connections or syn-cookies.")
    }
  }

  /// A number, with a unit of octets or without.
  private static func amount(_ text: String) -> UInt64? {
    let units: [(String, UInt64)] = [
      ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("KB", 1_000), ("MB", 1_000_000),
      ("GB", 1_000_000_000),
    ]
    for (unit, factor) in units where text.lowercased().hasSuffix(unit.lowercased()) {
      guard let number = UInt64(text.dropLast(unit.count)) else { return nil }
      let product = number.multipliedReportingOverflow(by: factor)
      return product.overflow ? nil : product.partialValue
    }
    return UInt64(text)
  }
}

extension StackLimit {
  /// As requests call it.
  package var name: String {
    switch self {
    case .connections: "connections"
    case .halfOpen: "half-open"
    case .timeWait: "time-wait"
    case .memoryBudget: "memory-budget"
    case .recorder: "recorder"
    }
  }

  /// Several stacks share what there is.
  package func share(of value: UInt64, among count: Int) -> UInt64 {
    let count = UInt64(max(count, 1))
    return self == .memoryBudget ? value / count : value / count + (value % count == 0 ? 0 : 1)
  }
}
