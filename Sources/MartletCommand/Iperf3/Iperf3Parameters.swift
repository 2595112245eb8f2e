import MartletTCP

/// What a client asks a server to do, as far as it is done here.
package struct Iperf3Parameters: Equatable, Sendable {
  /// The server sends.
  package var isReverse = false
  /// Both send, each on streams of its own.
  package var isBidirectional = false
  package var parallel = 1
  /// How long the client measures; zero: until enough octets have passed.
  package var time = TimeAmount.seconds(10)
  /// What is not counted at the start.
  package var omit = TimeAmount.zero
  /// Ends the test when so many octets have passed; 0: `time` does.
  package var octets: UInt64 = 0

  /// What the server's senders are to use, by Linux's name; nil: what they like.
  package var congestion: String?

  package static let parallelLimit = 128

  package init() {}

  package init(parsing json: JSONValue) throws(Iperf3Fault) {
    guard case .object = json else { throw .badParameters }
    for name in ["udp", "sctp"] where json[name]?.isTrue == true { throw .unsupported }
    guard json["authtoken"] == nil else { throw .unsupported }
    isReverse = json["reverse"]?.isTrue ?? false
    isBidirectional = json["bidirectional"]?.isTrue ?? false
    let parallel = try Self.integer(json["parallel"]) ?? 1
    guard (1...Int64(Self.parallelLimit)).contains(parallel) else { throw .parallelOutOfRange }
    self.parallel = Int(parallel)
    time = try Self.seconds(json["time"])
    omit = try Self.seconds(json["omit"])
    let octets = try Self.integer(json["num"]) ?? 0
    guard octets >= 0 else { throw .badParameters }
    self.octets = UInt64(octets)
  }

  /// Nil: it was not said.
  private static func integer(_ value: JSONValue?) throws(Iperf3Fault) -> Int64? {
    guard let value, value != .null else { return nil }
    guard let integer = value.integer else { throw .badParameters }
    return integer
  }

  private static func seconds(_ value: JSONValue?) throws(Iperf3Fault) -> TimeAmount {
    let seconds = try integer(value) ?? 0
    guard (0...86_400).contains(seconds) else { throw .badParameters }
    return .seconds(seconds)
  }

  package var json: JSONValue {
    var members = [
      JSONValue.Member("tcp", .bool(true)),
      JSONValue.Member("omit", .integer(omit.nanoseconds / 1_000_000_000)),
      JSONValue.Member("time", .integer(time.nanoseconds / 1_000_000_000)),
      JSONValue.Member("num", .integer(Int64(clamping: octets))),
      JSONValue.Member("blockcount", .integer(0)),
      JSONValue.Member("parallel", .integer(Int64(parallel))),
      JSONValue.Member("len", .integer(131_072)),
      JSONValue.Member("pacing_timer", .integer(1_000)),
      JSONValue.Member("client_version", .string("3.12")),
    ]
    if let congestion { members.append(JSONValue.Member("congestion", .string(congestion))) }
    if isReverse { members.append(JSONValue.Member("reverse", .bool(true))) }
    if isBidirectional { members.append(JSONValue.Member("bidirectional", .bool(true))) }
    return .object(members)
  }

  /// For each stream of the test, in the order in which a server accepts them, whether the server
  /// sends on it.
  package var serverSends: [Bool] {
    let one = [Bool](repeating: isReverse, count: parallel)
    guard isBidirectional else { return one }
    return [Bool](repeating: false, count: parallel) + [Bool](repeating: true, count: parallel)
  }

  /// iperf3 numbers streams 1, 3, 4, 5, …
  package static func streamNumber(_ index: Int) -> Int64 { index == 0 ? 1 : Int64(index) + 2 }
}
