import MartletTCP
import MartletTrace
import MartletWire

/// Why a filter makes no sense, and what to write.
public struct FilterError: Error, Equatable, Sendable, CustomStringConvertible {
  public let description: String
}

extension FlowFilter {
  /// Reads a filter as `ss` has it: `state NAME` and `exclude NAME` first, then conditions with `and`, `or`, `not`
  /// and parentheses.
  public init(parsing text: String) throws(FilterError) {
    var parser = try FlowFilterParser(text)
    self = try parser.filter()
  }
}

/// Reads the words of a filter from left to right. Bounded: so many words, so deep.
struct FlowFilterParser {
  private var words: [String]
  private var position = 0

  private static let mostWords = 512
  private static let deepest = 32

  init(_ text: String) throws(FilterError) {
    words = Self.words(of: text)
    guard words.count <= Self.mostWords else {
      throw FilterError(description: "The filter has more than \(Self.mostWords) words. Write a shorter one.")
    }
  }

  mutating func filter() throws(FilterError) -> FlowFilter {
    let states = try states()
    _ = takes("and", "&&", "&")
    guard position < words.count else { return FlowFilter(states: states, condition: nil) }
    let condition = try anyOf(depth: 0)
    guard let left = peek else { return FlowFilter(states: states, condition: condition) }
    if left == ")" { throw FilterError(description: "A \")\" closes nothing. Take it out.") }
    if ["state", "exclude"].contains(left.lowercased()) {
      throw FilterError(
        description: "\"\(left)\" stands first in a filter: \"state syn-recv sport = :80\".")
    }
    throw FilterError(description: "\"\(left)\" is not understood here. \(Self.example)")
  }

  private static let example =
    "Write conditions such as \"sport = :80\", \"dst 10.0.0.0/8\", with and, or, not."

  // MARK: States

  private mutating func states() throws(FilterError) -> StateSet? {
    var wanted: StateSet?
    while let word = peek?.lowercased(), word == "state" || word == "exclude" {
      position += 1
      guard let name = next() else {
        throw FilterError(description: "Which state? Write \"\(word) established\" or \"\(word) connected\".")
      }
      guard let set = StateSet(named: name) else {
        let known = TCPState.allCases.map { $0.text(.ss).lowercased() }.joined(separator: ", ")
        throw FilterError(
          description:
            "\"\(name)\" is no state. Choose \(known), all, connected, synchronized, bucket or big.")
      }
      if word == "state" {
        var union = wanted ?? StateSet()
        union.formUnion(set)
        wanted = union
      } else {
        var rest = wanted ?? .all
        rest.subtract(set)
        wanted = rest
      }
    }
    return wanted
  }

  // MARK: Conditions

  private mutating func anyOf(depth: Int) throws(FilterError) -> FlowFilter.Condition {
    var parts = [try allOf(depth: depth)]
    while takes("or", "||", "|") { parts.append(try allOf(depth: depth)) }
    return parts.count == 1 ? parts[0] : .any(parts)
  }

  /// What stands beside each other has to hold together, with `and` or without.
  private mutating func allOf(depth: Int) throws(FilterError) -> FlowFilter.Condition {
    var parts = [try one(depth: depth)]
    while true {
      if takes("and", "&&", "&") {
        parts.append(try one(depth: depth))
      } else if let word = peek?.lowercased(), Self.beginsCondition(word) {
        parts.append(try one(depth: depth))
      } else {
        return parts.count == 1 ? parts[0] : .all(parts)
      }
    }
  }

  private static func beginsCondition(_ word: String) -> Bool {
    ["(", "not", "!", "src", "dst", "sport", "dport", "host", "port", "tcp", "udp", "icmp"].contains(word)
  }

  private mutating func one(depth: Int) throws(FilterError) -> FlowFilter.Condition {
    guard depth < Self.deepest else {
      throw FilterError(
        description: "The filter is more than \(Self.deepest) levels deep. Write it more simply.")
    }
    guard let word = next() else {
      throw FilterError(description: "The filter ends where a condition should be. \(Self.example)")
    }
    switch word.lowercased() {
    case "(":
      let inner = try anyOf(depth: depth + 1)
      guard takes(")") else {
        throw FilterError(
          description: peek.map { "\"\($0)\" is not understood here. \(Self.example)" }
            ?? "A \"(\" is never closed. Write a \")\" at its end.")
      }
      return inner
    case "not", "!": return .not(try one(depth: depth + 1))
    case "sport": return try port(.source, word)
    case "dport": return try port(.destination, word)
    case "port": return try port(.either, word)
    case "src": return try place(.source, word)
    case "dst": return try place(.destination, word)
    case "host": return try place(.either, word)
    case "tcp": return .transport(.tcp)
    case "udp": return .transport(.udp)
    case "icmp": return .transport(.icmp)
    case "state", "exclude":
      throw FilterError(
        description: "\"\(word)\" stands first in a filter: \"state syn-recv sport = :80\".")
    case "dev", "fwmark", "cgroup", "autobound":
      throw FilterError(description: "Martlet has no \"\(word)\". \(Self.example)")
    default: throw FilterError(description: "\"\(word)\" is not understood. \(Self.example)")
    }
  }

  private mutating func port(
    _ end: FlowFilter.End, _ word: String
  ) throws(FilterError) -> FlowFilter.Condition {
    let comparison = comparison() ?? .equal
    guard let text = next() else {
      throw FilterError(description: "Which port? Write \"\(word) = :80\".")
    }
    let digits = text.hasPrefix("*:") ? text.dropFirst(2) : text.hasPrefix(":") ? text.dropFirst() : text[...]
    guard let number = UInt16(digits) else {
      throw FilterError(
        description:
          "\"\(text)\" is no port. Write a number from 0 to 65535, such as \"\(word) = :80\"; names are not looked up."
      )
    }
    return .port(end, comparison, number)
  }

  private mutating func place(
    _ end: FlowFilter.End, _ word: String
  ) throws(FilterError) -> FlowFilter.Condition {
    let comparison = comparison() ?? .equal
    guard comparison == .equal || comparison == .notEqual else {
      throw FilterError(description: "An address has no order: write \"\(word) = 10.0.0.0/8\", or !=.")
    }
    guard let text = next(), let (prefix, port) = Self.place(text) else {
      let given = position > words.count || position == 0 ? "" : words[position - 1]
      throw FilterError(
        description:
          "\"\(given)\" is no address. Write \"\(word) 10.0.0.0/8\", \"\(word) 10.7.0.2:80\" or \"\(word) [fd00:7::2]:80\"; names are not looked up."
      )
    }
    let found = FlowFilter.Condition.place(end, prefix, port: port)
    return comparison == .notEqual ? .not(found) : found
  }

  /// `10.0.0.0/8`, `10.7.0.2:80`, `[fd00:7::/64]:80`, `fd00:7::2`, `*:80`, `:80`, `*`.
  private static func place(_ text: String) -> (IPPrefix?, UInt16?)? {
    if let prefix = prefix(text[...]) { return (prefix, nil) }
    if text == "*" { return (nil, nil) }
    guard let colon = text.lastIndex(of: ":") else { return nil }
    var host = text[..<colon]
    let digits = text[text.index(after: colon)...]
    let port: UInt16?
    if digits == "*" {
      port = nil
    } else {
      guard let number = UInt16(digits) else { return nil }
      port = number
    }
    if host.isEmpty || host == "*" { return (nil, port) }
    if host.first == "[" {
      guard host.last == "]" else { return nil }
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      return nil
    }
    guard let prefix = prefix(host) else { return nil }
    return (prefix, port)
  }

  private static func prefix(_ text: Substring) -> IPPrefix? {
    var text = text
    if text.first == "[", text.last == "]" { text = text.dropFirst().dropLast() }
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let first = parts.first, let address = IPAddress(String(first)) else { return nil }
    guard parts.count == 2 else { return IPPrefix(host: address) }
    guard let length = UInt8(parts[1]), length <= (address.isIPv4 ? 32 : 128) else { return nil }
    return IPPrefix(address, length: length)
  }

  private mutating func comparison() -> FlowFilter.Comparison? {
    guard let word = peek?.lowercased() else { return nil }
    let known: [String: FlowFilter.Comparison] = [
      "=": .equal, "==": .equal, "eq": .equal, "!=": .notEqual, "ne": .notEqual, "neq": .notEqual,
      "<": .less, "lt": .less, "<=": .lessOrEqual, "le": .lessOrEqual, "leq": .lessOrEqual,
      ">": .greater, "gt": .greater, ">=": .greaterOrEqual, "ge": .greaterOrEqual, "geq": .greaterOrEqual,
    ]
    guard let found = known[word] else { return nil }
    position += 1
    return found
  }

  // MARK: Words

  private var peek: String? { position < words.count ? words[position] : nil }

  private mutating func next() -> String? {
    guard let word = peek else { return nil }
    position += 1
    return word
  }

  private mutating func takes(_ names: String...) -> Bool {
    guard let word = peek?.lowercased(), names.contains(word) else { return false }
    position += 1
    return true
  }

  /// Parentheses and signs stand for themselves, with spaces around them or without.
  private static func words(of text: String) -> [String] {
    var words: [String] = []
    var word = ""
    func sign(_ character: Character) -> Bool { "()=!<>&|".contains(character) }
    for character in text {
      let isBlank = character == " " || character == "\t" || character == "\n"
      // `!=`, `>=`, `&&`: a second sign belongs to the first; parentheses stand alone.
      let joins: Bool =
        if let last = word.last, sign(last), sign(character) {
          !"()".contains(last) && !"()".contains(character) && word.count == 1
            && (character == "=" || character == last)
        } else {
          word.last.map { !sign($0) && !sign(character) } ?? true
        }
      if (isBlank || !joins) && !word.isEmpty {
        words.append(word)
        word = ""
      }
      if !isBlank { word.append(character) }
    }
    if !word.isEmpty { words.append(word) }
    return words
  }
}
