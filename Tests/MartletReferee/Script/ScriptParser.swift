/// What is wrong with a script, and where.
package struct ScriptError: Error, CustomStringConvertible {
  package var origin: String
  package var message: String
  package var description: String { "\(origin): \(message)" }
}

/// Reads scripts. A file has any number of them; each begins with its heading.
///
///     # a comment
///     script a reset at $seq in $state
///       each state = ESTABLISHED | FIN-WAIT-1
///       each seq = rcv.nxt | rcv.nxt-1
///       start $state
///       inject RST seq=$seq
///       wait 20ms; inject ACK
///
/// `each` makes one script of every combination of the values. Steps are divided by lines or semicolons.
package enum ScriptParser {
  package static func scripts(in text: String, file: String) throws(ScriptError) -> [Script] {
    var scripts: [Script] = []
    var family: Family?
    var number = 0
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      number += 1
      let content = line.prefix { $0 != "#" }.trimmed
      guard !content.isEmpty else { continue }
      let origin = "\(file):\(number)"
      if content.hasPrefix("script ") {
        if let family { scripts += try family.scripts() }
        family = Family(name: String(content.dropFirst(7).trimmed), origin: origin)
      } else {
        guard family != nil else {
          throw ScriptError(origin: origin, message: "no \"script NAME\" above this")
        }
        try family?.add(content, origin)
      }
    }
    if let family { scripts += try family.scripts() }
    return scripts
  }

  /// One script of given lines, as the generator makes them.
  package static func script(_ name: String, _ lines: [String], origin: String) throws(ScriptError) -> Script
  {
    try read(name, lines.map { (String($0), origin) }, origin: origin)
  }

  /// A heading with its lines, before its variables have values.
  private struct Family {
    var name: String
    var origin: String
    var lines: [(text: String, origin: String)] = []
    var variables: [(name: String, values: [String])] = []

    mutating func add(_ line: Substring, _ origin: String) throws(ScriptError) {
      guard line.hasPrefix("each ") else {
        lines += line.split(separator: ";").map { (String($0.trimmed), origin) }
        return
      }
      let halves = line.dropFirst(5).split(separator: "=", maxSplits: 1)
      guard halves.count == 2, !halves[0].trimmed.isEmpty else {
        throw ScriptError(origin: origin, message: "say \"each NAME = VALUE | VALUE\"")
      }
      let values = halves[1].split(separator: "|", omittingEmptySubsequences: false).map {
        String($0.trimmed)
      }
      variables.append((String(halves[0].trimmed), values))
    }

    func scripts() throws(ScriptError) -> [Script] {
      var all: [[(String, String)]] = [[]]
      for variable in variables {
        all = all.flatMap { chosen in variable.values.map { chosen + [(variable.name, $0)] } }
      }
      var scripts: [Script] = []
      for values in all {
        let name = Self.fill(name, values)
        // A value may hold several steps.
        let filled = lines.flatMap { line in
          Self.fill(line.text, values).split(separator: ";").map { (String($0.trimmed), line.origin) }
        }
        scripts.append(try ScriptParser.read(name, filled.filter { !$0.0.isEmpty }, origin: origin))
      }
      return scripts
    }

    private static func fill(_ text: String, _ values: [(String, String)]) -> String {
      guard text.contains("$") else { return text }
      var filled = ""
      var rest = text[...]
      while let dollar = rest.firstIndex(of: "$") {
        filled += rest[..<dollar]
        rest = rest[rest.index(after: dollar)...]
        let name = rest.prefix { $0.isLetter || $0.isNumber }
        if let value = values.first(where: { $0.0 == name }) {
          filled += value.1
        } else {
          filled += "$" + name
        }
        rest = rest.dropFirst(name.count)
      }
      return filled + rest
    }
  }

  private static func read(
    _ name: String, _ lines: [(String, String)], origin: String
  ) throws(ScriptError) -> Script {
    var script = Script(name: name, origin: origin, lines: lines.map(\.0), settings: .init(), steps: [])
    for (line, origin) in lines {
      let words = line.split(separator: " ")
      guard let verb = words.first else { continue }
      do throws(WordError) {
        let rest = words.dropFirst()
        switch verb {
        case "set": try script.settings.set(rest)
        case "start": script.steps += try StartWords(rest).steps
        default: script.steps.append(try Script.Step(verb, rest))
        }
      } catch {
        throw ScriptError(origin: origin, message: "\(error.message), in \"\(line)\"")
      }
    }
    return script
  }
}

/// What is wrong with a word of a line.
struct WordError: Error {
  var message: String
  init(_ message: String) { self.message = message }
}

extension Script.Settings {
  mutating func set(_ words: ArraySlice<Substring>) throws(WordError) {
    let name = words.first ?? ""
    let numbers = words.dropFirst().map { Int($0) ?? -1 }
    guard numbers.allSatisfy({ $0 >= 0 }) else { throw WordError("a number is no number") }
    switch (name, numbers.count) {
    case ("nagle", 0): nagle = true
    case ("ipv6", 0): isIPv6 = true
    case ("delayed-ack", 0): delaysAcknowledgments = true
    case ("receive-buffer", 1): receiveBuffer = numbers[0]
    case ("user-timeout", 1): userTimeout = numbers[0]
    case ("keepalive", 3): keepAlive = (numbers[0], numbers[1], numbers[2])
    case ("peer-isn", 1): peerISN = UInt32(truncatingIfNeeded: numbers[0])
    default:
      throw WordError(
        "there are: nagle, ipv6, delayed-ack, receive-buffer N, user-timeout MS, keepalive S S N, peer-isn N")
    }
  }
}

extension Script.Step {
  init(_ verb: Substring, _ words: ArraySlice<Substring>) throws(WordError) {
    switch verb {
    case "listen": self = .listen
    case "connect": self = .connect
    case "unlisten": self = .unlisten
    case "close": self = .close
    case "abort": self = .abort
    case "inject": self = .inject(try ScriptSegment(words))
    case "send": self = .send(try Self.count(words, default: nil))
    case "receive": self = .receive(try Self.count(words, default: 65_536))
    case "shutdown":
      guard let half = Script.ShutdownHalf(rawValue: String(words.first ?? "send")) else {
        throw WordError("a half is send, receive or both")
      }
      self = .shutdown(half)
    case "wait":
      guard let word = words.first, let time = Self.milliseconds(word) else {
        throw WordError("say how long: 20ms or 3s")
      }
      self = .wait(time)
    default:
      throw WordError(
        "no verb \"\(verb)\"; there are: set, start, listen, connect, unlisten, inject, send, receive, "
          + "shutdown, close, abort, wait")
    }
    if verb != "inject", words.count > 1 { throw WordError("more words than \"\(verb)\" takes") }
  }

  private static func count(_ words: ArraySlice<Substring>, default: Int?) throws(WordError) -> Int {
    guard let word = words.first else {
      guard let `default` else { throw WordError("how many octets?") }
      return `default`
    }
    guard let count = Int(word), count > 0, count <= 1 << 20 else { throw WordError("\(word) is no count") }
    return count
  }

  private static func milliseconds(_ word: Substring) -> Int? {
    if word.hasSuffix("ms") { return Int(word.dropLast(2)) }
    if word.hasSuffix("s"), let seconds = Int(word.dropLast()) { return seconds * 1_000 }
    return nil
  }
}

extension Substring {
  var trimmed: Substring {
    var rest = self
    while let first = rest.first, first == " " || first == "\t" { rest.removeFirst() }
    while let last = rest.last, last == " " || last == "\t" || last == "\r" { rest.removeLast() }
    return rest
  }
}
