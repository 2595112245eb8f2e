import Martlet
import MartletStack
import MartletTCP
import MartletTrace
import MartletWire
import Testing

@Suite("Filters of ss")
struct FlowFilterTests {
  private static func subject(
    _ local: String, _ localPort: UInt16, _ remote: String, _ remotePort: UInt16,
    _ state: TCPState = .established
  ) -> FilterSubject {
    FilterSubject(
      state: state, source: IPAddress(local), localPort, destination: IPAddress(remote), remotePort)
  }

  @Test(
    "What a filter means",
    arguments: [
      ("", true), ("sport = :80", true), ("sport = 80", true), ("sport :80", true), ("sport = *:80", true),
      ("sport eq :80", true), ("sport=:80", true), ("dport = :80", false), ("dport > :40000", true),
      ("dport >= :40112", true), ("dport>=:40113", false), ("dport < :40113", true),
      ("dport <= 40111", false),
      ("dport != :1", true), ("dport ne :40112", false), ("dst 10.0.0.0/8", true), ("dst 11.0.0.0/8", false),
      ("dst 10.7.0.2", true), ("dst = 10.7.0.2", true), ("dst != 10.7.0.2", false),
      ("dst 10.7.0.2:40112", true),
      ("dst 10.7.0.2:40113", false), ("dst *:40112", true), ("dst :40112", true), ("dst *", true),
      ("src 10.7.0.1", true), ("src 10.7.0.2", false), ("src [fd00:7::1]:80", false),
      ("src fd00:7::/64", false),
      ("src 0.0.0.0/0", true), ("src ::/0", false), ("host 10.7.0.2", true), ("port = :80", true),
      ("port 40112", true), ("port 81", false), ("not sport = :80", false), ("! sport = :81", true),
      ("!sport=:81", true), ("sport = :80 and dport = :1", false), ("sport = :80 or dport = :1", true),
      ("sport = :80 dport = :40112", true), ("sport = :80 dport = :1", false),
      ("sport = :81 and dport = :1 or dst 10.7.0.2", true),
      ("sport = :81 and ( dport = :1 or dst 10.7.0.2 )", false),
      ("(sport = :80||sport = :443)&&dst 10.0.0.0/8", true), ("((sport = :80))", true), ("tcp", true),
      ("udp", false),
      ("not ( not tcp )", true), ("SPORT = :80 AND DST 10.0.0.0/8", true), ("state established", true),
      ("state ESTAB", true), ("state syn-recv", false), ("state syn-recv state established", true),
      ("exclude established", false), ("exclude time-wait", true), ("state connected", true),
      ("state synchronized exclude established", false), ("state bucket", false),
      ("state big sport = :80", true),
      ("state all and sport = :80", true), ("state SYN_RECV", false),
    ])
  func meaning(_ text: String, _ passes: Bool) throws {
    let subject = Self.subject("10.7.0.1", 80, "10.7.0.2", 40_112)
    #expect(try FlowFilter(parsing: text).passes(subject) == passes)
  }

  @Test(
    "What a filter means for IPv6",
    arguments: [
      ("src [fd00:7::1]:80", true), ("src [fd00:7::1]", true), ("src fd00:7::/64", true),
      ("dst [::]/0", false),
      ("dst ::/0", true), ("dst [fd00:7::/32]:40112", true), ("dst 0.0.0.0/0", false),
      ("dst [fd00:7::2]:40112 and sport = :80", true),
    ])
  func meaning6(_ text: String, _ passes: Bool) throws {
    let subject = Self.subject("fd00:7::1", 80, "fd00:7::2", 40_112)
    guard let filter = try? FlowFilter(parsing: text) else {
      #expect(!passes, "\(text) was refused")
      return
    }
    #expect(filter.passes(subject) == passes)
  }

  @Test(
    "A mistake is told with what to write",
    arguments: [
      ("sport = :http", "names are not looked up"), ("sport", "Which port?"), ("sport = :70000", "no port"),
      ("dst 10.0.0.0/33", "no address"), ("dst example.org", "names are not looked up"),
      ("dst", "no address"),
      ("dst > 10.0.0.1", "no order"), ("state", "Which state?"), ("state foo", "\"foo\" is no state"),
      ("sport = :80 state established", "stands first"), ("( sport = :80", "never closed"),
      ("sport = :80 )", "closes nothing"), ("sport = :80 and", "ends where a condition should be"),
      ("or sport = :80", "not understood"), ("frob", "\"frob\" is not understood"),
      ("dev eth0", "has no \"dev\""),
      ("sport = :80 frob", "not understood here"), ("( )", "not understood"), ("not", "ends where"),
      ("src 10.7.0.1:x", "no address"), ("src fd00:7::1:", "no address"),
    ])
  func mistakes(_ text: String, _ complaint: String) throws {
    let error = #expect(throws: FilterError.self) { try FlowFilter(parsing: text) }
    let said = try #require(error).description
    #expect(said.contains(complaint), "\(said)")
    #expect(said.hasSuffix(".") || said.hasSuffix("\""), "\(said)")
  }

  @Test("Depth and length have bounds")
  func bounds() throws {
    let deep = String(repeating: "( ", count: 40) + "tcp" + String(repeating: " )", count: 40)
    #expect(throws: FilterError.self) { try FlowFilter(parsing: deep) }
    let long = String(repeating: "tcp ", count: 600)
    #expect(throws: FilterError.self) { try FlowFilter(parsing: long) }
    let fair = String(repeating: "( ", count: 30) + "tcp" + String(repeating: " )", count: 30)
    #expect(try FlowFilter(parsing: fair).passes(Self.subject("10.7.0.1", 80, "10.7.0.2", 1)))
  }

  @Test("Any words whatsoever are a filter or a mistake", arguments: 0..<200)
  func garbage(_ seed: UInt64) {
    var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
    func next(_ bound: Int) -> Int {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return Int(state % UInt64(bound))
    }
    let words = [
      "state", "exclude", "established", "sport", "dport", "=", "!=", ">", ":80", "(", ")", "and", "or",
      "not", "dst",
      "10.0.0.0/8", "[fd00::1]:7", "]", "[", "*", ":", "/", "!", "&&", "é", "\u{0}", "host", "tcp",
    ]
    let text = (0..<next(30)).map { _ in words[next(words.count)] }.joined(separator: next(2) == 0 ? " " : "")
    // A trap would end the test.
    let isFilter = (try? FlowFilter(parsing: text)) != nil
    #expect(isFilter || !isFilter, "\(text)")
  }
}

@Suite("Requests of the control protocol")
struct ControlRequestTests {
  @Test(
    "What is no request is answered with what to write",
    arguments: [
      ("", "help"), ("   ", "help"), ("frob", "\"frob\""), ("version now", "stands alone"),
      ("reset", "Which?"),
      ("set", "half-open"), ("set half-open", "Set what"), ("set half-open many", "Set what"),
      ("set frob 1", "\"frob\""),
      ("set half-open -1", "Set what"), ("set memory-budget 99999999999GiB", "Set what"),
      ("set listener :80", "Set what of"), ("set listener x half-open 3", "no address"),
      ("set listener :80 frob 3", "\"frob\""), ("set listener :80 half-open 0", "no number"),
      ("set listener :80 syn-cookies maybe", "no policy"), ("records since", "Since which"),
      ("records lang fr", "language"), ("records frob", "\"frob\""), ("capture snaplen", "How many?"),
      ("capture count 0", "How many?"), ("capture state established", "no state"),
      ("connections sport", "Which port?"),
    ])
  func refuses(_ line: String, _ complaint: String) throws {
    let error = #expect(throws: ControlError.self) { try ControlRequest(parsing: line) }
    let said = try #require(error).sentence
    #expect(said.contains(complaint), "\(said)")
  }

  @Test("Amounts have units, and limits are shared")
  func amounts() throws {
    guard case .set(.memoryBudget, let octets) = try ControlRequest(parsing: "set memory-budget 64MiB") else {
      Issue.record("no set")
      return
    }
    #expect(octets == 64 << 20)
    #expect(StackLimit.memoryBudget.share(of: 10, among: 3) == 3)
    #expect(StackLimit.halfOpen.share(of: 10, among: 3) == 4)
    guard case .capture(let terms) = try ControlRequest(parsing: "CAPTURE count 5 snaplen 96 reasons tcp")
    else {
      Issue.record("no capture")
      return
    }
    #expect(terms.count == 5 && terms.snapLength == 96 && terms.explains)
    guard
      case .records(let since, let follows, let language) = try ControlRequest(
        parsing: "records since 7 follow lang zh_CN")
    else {
      Issue.record("no records")
      return
    }
    #expect(since == 7 && follows && language == .simplifiedChinese)
  }
}
