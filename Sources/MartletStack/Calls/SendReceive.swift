public import MartletTCP
import MartletWire

/// Which half of a connection.
public enum Half: Equatable, Sendable {
  case send
  case receive
  case both
}

extension NetworkStack {
  /// SEND (RFC 9293 §3.10.2): takes as many octets as there is room for. Before the connection is
  /// established they wait for it.
  ///
  /// - Parameter urgent: the last octet taken ends urgent text (§3.8.5).
  /// - Returns: octets taken, at least one of a text that is not empty.
  public mutating func send(
    _ id: ConnectionID, _ bytes: RawSpan, urgent: Bool = false, now: Instant
  ) throws(SendError) -> Int {
    tell(now)
    guard let i = connections.index(of: id) else { throw .noConnection }
    guard let j = coldIndex(of: i, needed: bytes.byteCount > 0) else {
      connections[i].tcb.mode.insert(.writerWaits)
      writerWaits(i)
      relieveIfShort()
      throw .wouldBlock
    }
    around.recorder.flow = i
    do {
      let count = try connections[i].tcb.send(bytes, urgent: urgent, cold: &cold[j], &around, now: clock)
      settleCold(i, j)
      if count > 0 { becomeSender(i) }
      relieveIfShort()
      return count
    } catch {
      settleCold(i, j)
      if error == .wouldBlock, waitsForMemory(i) { writerWaits(i) }
      relieveIfShort()
      throw error
    }
  }

  /// RECEIVE (RFC 9293 §3.10.3): copies in-order octets out.
  ///
  /// - Returns: octets copied; 0: the peer has closed its half and everything has been read.
  public mutating func receive(
    _ id: ConnectionID, into out: inout MutableRawSpan, now: Instant
  ) throws(ReceiveError) -> Int {
    tell(now)
    guard let i = connections.index(of: id) else { throw .noConnection }
    guard let j = coldIndex(of: i, needed: false) else { throw .wouldBlock }
    around.recorder.flow = i
    var reaction: Reaction = []
    do {
      let count = try connections[i].tcb.receive(
        into: &out, cold: &cold[j], &around, now: clock, &reaction)
      settleCold(i, j)
      apply(reaction, to: i)
      return count
    } catch {
      settleCold(i, j)
      throw error
    }
  }

  /// The same, leaving the octets where they are; `offset` octets are passed over.
  public func peek(
    _ id: ConnectionID, at offset: UInt32 = 0, into out: inout MutableRawSpan
  ) throws(ReceiveError) -> Int {
    guard let i = connections.index(of: id) else { throw .noConnection }
    return try connections[i].tcb.peek(at: offset, into: &out, cold: coldBlock(of: i), around)
  }

  /// The cold block, or an idle one, to look at.
  func coldBlock(of i: UInt32) -> ColdBlock {
    let j = connections[i].cold
    return j == IndexList.none ? ColdBlock() : cold[j]
  }
}
