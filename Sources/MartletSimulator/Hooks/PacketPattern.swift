public import MartletTCP
public import MartletWire

/// Which packets are meant, as a value: it can be printed, compared and shrunk.
///
///     PacketPattern(from: client, with: .fin)      // FINs of the client
///     PacketPattern(to: client, text: .some)       // text on the last link to the client
public struct PacketPattern: Equatable, Sendable {
  public enum Text: UInt8, BitwiseCopyable, Sendable {
    case any
    /// No text.
    case none
    /// At least an octet.
    case some
  }

  /// The end of a link that it leaves; nil: any.
  public var source: NodeID?
  /// The end of a link that it goes to; nil: any.
  public var destination: NodeID?
  /// Flags that are set, and flags that are not.
  public var with: TCPFlags
  public var without: TCPFlags
  public var text: Text
  /// False: also what is no TCP, as long as neither flags nor text are asked for.
  public var isTCP: Bool

  public init(
    from source: NodeID? = nil, to destination: NodeID? = nil, with: TCPFlags = [], without: TCPFlags = [],
    text: Text = .any, isTCP: Bool = true
  ) {
    self.source = source
    self.destination = destination
    self.with = with
    self.without = without
    self.text = text
    self.isTCP = isTCP
  }

  public func matches(_ packet: TransitPacket) -> Bool {
    if let source, packet.source != source { return false }
    if let destination, packet.destination != destination { return false }
    guard let flags = packet.header?.flags else { return !isTCP && with.isEmpty && text != .some }
    guard flags.isSuperset(of: with), flags.isDisjoint(with: without) else { return false }
    switch text {
    case .any: return true
    case .none: return packet.textCount == 0
    case .some: return packet.textCount > 0
    }
  }
}

/// What to do with the n-th packet that matches: a `PacketRule` that is a value throughout.
public struct PacketHook: Equatable, Sendable {
  public enum Action: Equatable, Sendable {
    case pass
    case drop
    /// Later than the link would deliver it; others overtake it.
    case delay(TimeAmount)
    /// A second copy, so much later.
    case duplicate(after: TimeAmount)
    case edit(PacketEdit)
  }

  public var pattern: PacketPattern
  /// Which of the matching packets, the first is 1.
  public var which: ClosedRange<Int>
  public var action: Action

  public init(_ action: Action, _ which: ClosedRange<Int>, of pattern: PacketPattern) {
    self.action = action
    self.which = which
    self.pattern = pattern
  }

  /// The n-th packet that matches.
  public init(_ action: Action, _ n: Int, of pattern: PacketPattern) {
    self.init(action, n...n, of: pattern)
  }
}

extension PacketRule {
  /// The same as a rule.
  public init(_ hook: PacketHook) {
    let pattern = hook.pattern
    let action: Action =
      switch hook.action {
      case .pass: .pass
      case .drop: .drop
      case .delay(let amount): .delay(amount)
      case .duplicate(let amount): .duplicate(after: amount)
      case .edit(let edit): .edit { edit.apply(to: &$0) }
      }
    self.init(action, which: hook.which) { pattern.matches($0) }
  }
}

extension Simulation {
  /// Adds a rule that is a value.
  public func add(_ hook: PacketHook) { rules.append(PacketRule(hook)) }
}
