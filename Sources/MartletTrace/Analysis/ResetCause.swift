/// Why an end has sent a reset, as far as the segments before it tell.
public enum ResetCause: UInt8, BitwiseCopyable, CaseIterable, Sendable {
  /// It answers a SYN: nobody listens there (RFC 9293 §3.10.7.1), or whoever does refuses.
  case nobodyListens
  /// It answers a segment as one does who has no such connection (RFC 9293 §3.5.2, §3.10.7.1): half-open, or already over.
  case unknownConnection
  /// It answers what came after its own FIN: nobody is there any more to read it (RFC 9293 §3.6.1; RFC 2525 §2.17).
  case readsNoMore
  /// It stands at its own next number: its application aborts, or closes with text unread (RFC 9293 §3.10.5, §3.6.1).
  case aborts
  /// It stands where its receiver does not expect the next segment: he does not believe it (RFC 5961 §3.2).
  case elsewhere

  public func text(_ language: Language) -> String {
    let texts: (english: String, chinese: String) =
      switch self {
      case .nobodyListens: ("nobody listens", "无人监听")
      case .unknownConnection: ("half-open: no such connection", "半开：没有此连接")
      case .readsNoMore: ("reads no more", "已不再读取")
      case .aborts: ("aborts", "中止连接")
      case .elsewhere: ("not where it is expected", "序号不在预期之处")
      }
    return language == .english ? texts.english : texts.chinese
  }
}
