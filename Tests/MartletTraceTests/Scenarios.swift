import MartletTCP
import MartletTrace
import MartletWire

/// The exchanges that the golden ladders are drawn from.
enum Scenario {
  static func requestAndClose() throws -> Exchange {
    var exchange = Exchange()
    try exchange.open()
    try exchange.request()
    try exchange.send(.left, .fin, seq: 101, ack: 301)
    try exchange.send(.right, [], seq: 301, ack: 102)
    try exchange.send(.right, .fin, seq: 301, ack: 102, after: 300)
    try exchange.send(.left, [], seq: 102, ack: 302)
    return exchange
  }

  /// As both ends reported it, in virtual time: an answer leaves in the instant of its cause.
  static func knownToBothEnds() throws -> Exchange {
    var exchange = Exchange()
    exchange.delay = 5_000
    try exchange.send(.left, .syn, seq: 0, after: 0)
    try exchange.send(.right, .syn, seq: 0, ack: 1, after: 5_000)
    try exchange.send(.left, [], seq: 1, ack: 1, after: 5_000)
    try exchange.send(.left, .fin, seq: 1, ack: 1, after: 10_000)
    try exchange.send(.right, [], seq: 1, ack: 2, after: 5_000)
    try exchange.send(.right, .fin, seq: 1, ack: 2, after: 0)
    try exchange.send(.left, [], seq: 2, ack: 2, after: 5_000)
    exchange.know(.left, .closed, .synSent, at: 0)
    exchange.know(.right, .listen, .synReceived, at: 5_000)
    exchange.know(.left, .synSent, .established, at: 10_000)
    exchange.know(.right, .synReceived, .established, at: 15_000)
    exchange.know(.left, .established, .finWait1, at: 20_000)
    exchange.know(.right, .established, .closeWait, at: 25_000)
    exchange.know(.right, .closeWait, .lastAck, at: 25_000)
    exchange.know(.left, .finWait1, .finWait2, at: 30_000)
    exchange.know(.left, .finWait2, .timeWait, at: 30_000)
    exchange.know(.right, .lastAck, .closed, at: 35_000)
    exchange.know(.left, .timeWait, .closed, at: 60_030_000)
    return exchange
  }

  static func simultaneousClose(delay: Int64?) throws -> Exchange {
    var exchange = Exchange()
    try exchange.open()
    exchange.delay = delay
    try exchange.send(.left, .fin, seq: 1, ack: 1, after: 20_000)
    try exchange.send(.right, .fin, seq: 1, ack: 1, after: 2_000)
    try exchange.send(.right, [], seq: 2, ack: 2, after: 8_000)
    try exchange.send(.left, [], seq: 2, ack: 2, after: 2_000)
    return exchange
  }

  static func simultaneousOpen(delay: Int64?) throws -> Exchange {
    var exchange = Exchange()
    exchange.delay = delay
    try exchange.send(.left, .syn, seq: 0)
    try exchange.send(.right, .syn, seq: 0, after: 2_000)
    try exchange.send(.right, .syn, seq: 0, ack: 1, after: 8_000)
    try exchange.send(.left, .syn, seq: 0, ack: 1, after: 2_000)
    try exchange.send(.left, .psh, seq: 1, ack: 1, text: 5, after: 20_000)
    try exchange.send(.right, [], seq: 1, ack: 6, after: 10_000)
    return exchange
  }

  static func halfClose() throws -> Exchange {
    var exchange = Exchange()
    try exchange.open()
    try exchange.send(.left, .psh, seq: 1, ack: 1, text: 100)
    try exchange.send(.left, .fin, seq: 101, ack: 1)
    try exchange.send(.right, [], seq: 1, ack: 102)
    try exchange.send(.right, .psh, seq: 1, ack: 102, text: 1_000)
    try exchange.send(.left, [], seq: 102, ack: 1_001)
    try exchange.send(.right, .fin, seq: 1_001, ack: 102)
    try exchange.send(.left, [], seq: 102, ack: 1_002)
    return exchange
  }

  static func refused() throws -> Exchange {
    var exchange = Exchange()
    // RFC 9293 §3.10.7.1: seq 0 on the wire, acknowledging the SYN.
    exchange.serverISS = 0
    try exchange.send(.left, .syn, seq: 0)
    try exchange.send(.right, .rst, seq: 0, ack: 1, window: 0)
    return exchange
  }

  /// S3.9: the third segment never comes.
  static func halfOpen() throws -> Exchange {
    var exchange = Exchange()
    try exchange.send(.left, .syn, seq: 0)
    try exchange.send(.right, .syn, seq: 0, ack: 1)
    try exchange.send(.right, .syn, seq: 0, ack: 1, after: 1_000_000)
    return exchange
  }

  /// A data segment is lost, found by its successors, sent again; the last ACK is lost too.
  static func losses() throws -> Exchange {
    var exchange = Exchange()
    var sack = TCPOptions()
    sack.present = .sack
    sack.sackCount = 1
    sack.sack[0] = SACKBlock(
      start: SequenceNumber(exchange.serverISS &+ 2_921), end: SequenceNumber(exchange.serverISS &+ 4_381))
    try exchange.open()
    try exchange.send(.left, .psh, seq: 1, ack: 1, text: 100)
    try exchange.send(.right, [], seq: 1, ack: 101, text: 1_460)
    try exchange.send(.right, [], seq: 1_461, ack: 101, text: 1_460, isLost: true)
    try exchange.send(.right, .psh, seq: 2_921, ack: 101, text: 1_460)
    try exchange.send(.left, [], seq: 101, ack: 1_461, options: sack)
    try exchange.send(.right, [], seq: 1_461, ack: 101, text: 1_460, after: 200_000)
    try exchange.send(.left, [], seq: 101, ack: 4_381)
    try exchange.send(.right, .fin, seq: 4_381, ack: 101)
    try exchange.send(.left, .fin, seq: 101, ack: 4_382)
    try exchange.send(.right, [], seq: 4_382, ack: 102, isLost: true)
    try exchange.send(.left, .fin, seq: 101, ack: 4_382, after: 11_200_000)
    try exchange.send(.right, [], seq: 4_382, ack: 102)
    return exchange
  }

  /// Both directions run through 2^32, and a long answer is folded.
  static func wrapAndFold() throws -> Exchange {
    var exchange = Exchange()
    exchange.clientISS = 0xffff_fff0
    exchange.serverISS = 0xffff_f000
    try exchange.open()
    try exchange.send(.left, .psh, seq: 1, ack: 1, text: 100)
    for index in 0..<UInt32(46) {
      try exchange.send(.right, index == 45 ? .psh : [], seq: 1 + index * 1_460, ack: 101, text: 1_460)
      if index % 2 == 1 { try exchange.send(.left, [], seq: 101, ack: 1 + (index + 1) * 1_460) }
    }
    try exchange.send(.left, .rst, seq: 101, ack: 1 + 46 * 1_460)
    return exchange
  }

  /// The client comes back on the same four-tuple while the server is in TIME-WAIT.
  static func reuse() throws -> Exchange {
    var exchange = Exchange()
    try exchange.open()
    try exchange.send(.right, .fin, seq: 1, ack: 1)
    try exchange.send(.left, .fin, seq: 1, ack: 2)
    try exchange.send(.right, [], seq: 2, ack: 2)
    exchange.clientISS &+= 5_000_000
    exchange.serverISS &+= 7_000_000
    exchange.now += 1_000_000
    try exchange.open()
    return exchange
  }
}
