import type { VisibleTopics } from './visible-topics.ts';

/** Shows the topics of nodes while they are on the screen. */
export function createVisibleNodes(topics: VisibleTopics) {
  const nodes = new Map<Element, { readonly topic: string; isVisible: boolean }>();
  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const node = nodes.get(target);
      if (!node || node.isVisible === isIntersecting) continue;
      node.isVisible = isIntersecting;
      if (isIntersecting) topics.show(node.topic);
      else topics.hide(node.topic);
    }
  });
  return {
    observe(node: Element, topic: string): void {
      nodes.set(node, { topic, isVisible: false });
      observer.observe(node);
    },
    unobserve(node: Element): void {
      if (nodes.get(node)?.isVisible) topics.hide(nodes.get(node)!.topic);
      nodes.delete(node);
      observer.unobserve(node);
    },
  };
}

export type VisibleNodes = ReturnType<typeof createVisibleNodes>;
