/// The languages that fixed words are printed in.
public enum Language: CaseIterable, Sendable {
  case english
  case simplifiedChinese

  /// From a tag such as `en`, `zh`, `zh-Hans` or `zh_CN.UTF-8`; nil for others.
  public init?(tag: String) {
    let key = [UInt8](tag.utf8.prefix(2)).map { $0 | 0x20 }
    if key.elementsEqual("en".utf8) {
      self = .english
    } else if key.elementsEqual("zh".utf8) {
      self = .simplifiedChinese
    } else {
      return nil
    }
  }
}

extension Language {
  /// `en`, `zh`.
  public var tag: String { self == .english ? "en" : "zh" }
}

/// Every fixed word of the ladder, in every language: the only table of them.
package enum Phrase: CaseIterable, Sendable {
  case client, server
  case threeSegmentOpen, simultaneousOpen, refused, unanswered, halfOpen, data
  case fourSegmentClose, threeSegmentClose, simultaneousClose, oneSidedClose
  case halfClose, secondHalf, reset, timeWait
  case retransmission, keepAlive, windowProbe, forged, copy
  case twoMSL, twoMSLOver, inferred, lost, inFlight

  package func text(_ language: Language) -> String {
    let row = texts
    return language == .english ? row.english : row.chinese
  }

  private var texts: (english: String, chinese: String) {
    switch self {
    case .client: ("CLIENT", "客户端")
    case .server: ("SERVER", "服务器")
    case .threeSegmentOpen: ("three-segment open", "三次握手")
    case .simultaneousOpen: ("simultaneous open", "同时打开")
    case .refused: ("refused", "连接被拒绝")
    case .unanswered: ("SYN unanswered", "SYN 无应答")
    case .halfOpen: ("half-open: no third segment", "半开：缺第三次握手")
    case .data: ("data", "数据传输")
    case .fourSegmentClose: ("four-segment close", "四次挥手")
    case .threeSegmentClose: ("three-segment close", "三次挥手")
    case .simultaneousClose: ("simultaneous close", "同时关闭")
    case .oneSidedClose: ("one side closed", "单方关闭")
    case .halfClose: ("half-close", "半关闭")
    case .secondHalf: ("second half closed", "关闭另一方向")
    case .reset: ("reset", "连接重置")
    case .timeWait: ("TIME-WAIT", "TIME-WAIT 等待")
    case .retransmission: ("retransmission", "重传")
    case .keepAlive: ("keep-alive", "保活")
    case .windowProbe: ("window probe", "零窗口探测")
    case .forged: ("forged", "伪造")
    case .copy: ("copy", "副本")
    case .twoMSL: ("2 MSL, then CLOSED", "等待 2 MSL 后进入 CLOSED")
    case .twoMSLOver: ("2 MSL have passed", "2 MSL 已过")
    case .inferred: ("* inferred from the segments", "* 由报文段推断")
    case .lost: ("lost on the way", "途中丢失")
    case .inFlight: ("still on its way", "仍在途中")
    }
  }
}

extension Language {
  /// The caption of a folded run.
  /// What a trace says where something is missing.
  package func left(out events: UInt64) -> String {
    let count = grouped(events)
    return self == .english
      ? count + (events == 1 ? " event was" : " events were") + " lost on the way" : "途中丢失 " + count + " 个事件"
  }

  package func folded(segments: UInt64, octets: UInt64, acknowledgments: UInt64) -> String {
    switch self {
    case .english:
      let acks =
        acknowledgments == 0
        ? "" : ", " + grouped(acknowledgments) + (acknowledgments == 1 ? " ACK" : " ACKs")
      return grouped(segments) + " more data segments, " + grouped(octets) + " octets" + acks
    case .simplifiedChinese:
      let acks = acknowledgments == 0 ? "" : "，" + grouped(acknowledgments) + " 个 ACK"
      return "另有 " + grouped(segments) + " 个数据段，共 " + grouped(octets) + " 字节" + acks
    }
  }
}
