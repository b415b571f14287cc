// What components do that know the groups: these come as a message when they are others, apart from the properties,
// which go with each refresh of what is shown beside them.
export const grouping = {
  data: () => ({ groups: Object.freeze([]), moreGroups: false, groupsLoaded: false }),
  methods: {
    showGroups(groups, more) {
      this.groups = Object.freeze(groups);
      this.moreGroups = more;
      this.groupsLoaded = true;
    },
  },
};
